// Runs once, with Gradio's `props` and `trigger`: links change the page without loading it again, and the address bar holds
// a link to what is shown. The page says `pe-followed` when a link's view is there, and `pe-filtered` when a filter's is.
let following = false;
let focusNext = null; // a selector: what a link led to, for the link itself is drawn anew

const follow = () => { // the address bar, which is read when it is this request's turn
  following = true;
  trigger("select");
};
const tellTheHub = () => { // as a Space, the page is a frame on the Hub, whose address is the one people copy
  if (window.parent !== window) {
    window.parent.postMessage({ queryString: location.search.slice(1) }, "https://huggingface.co");
  }
};
const leadsTo = (query) => {
  const next = new URLSearchParams(query);
  const row = next.get("row");
  if (row && row !== new URLSearchParams(location.search).get("row")) return "#pe-row-title";
  return next.get("tab") === "models" ? ".places [aria-current]" : ".pe-list .count";
};
const giveFocus = (selector, frames) => { // what it stands in may come to sight a few frames later
  const next = selector && document.querySelector(selector);
  if (next && next.offsetParent) {
    next.focus({ preventScroll: true });
    const whole = next.closest("article") || next;
    const top = whole.getBoundingClientRect().top;
    if (top < 0 || top > window.innerHeight / 2) whole.scrollIntoView({ block: "start" });
  } else if (selector && frames) {
    requestAnimationFrame(() => giveFocus(selector, frames - 1));
  }
};

document.addEventListener("click", (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    navigator.clipboard.writeText(new URL(copy.dataset.copy, location.href).href).then(() => { copy.textContent = "copied"; });
    return;
  }
  const link = event.target.closest("a[data-go]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const query = link.getAttribute("href");
  focusNext = leadsTo(query);
  history.pushState(null, "", query);
  follow();
});
window.addEventListener("popstate", follow);
window.addEventListener("pe-followed", () => {
  following = false;
  tellTheHub();
  giveFocus(focusNext, 60);
  focusNext = null;
});
window.addEventListener("pe-filtered", () => {
  if (!following) history.replaceState(null, "", props.value);
  tellTheHub();
});
