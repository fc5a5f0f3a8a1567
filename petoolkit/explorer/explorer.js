// Runs once, with Gradio's `props` and `trigger`. Links change the page without loading it again, and the address bar holds
// a link to the view. The page dispatches `pe-followed` when it shows a link's view, and `pe-filtered` when a filter's.
let following = false;
let focusNext = null; // a selector of what a link leads to, since the link itself is replaced

const follow = () => { // the request reads the address bar when its turn comes
  following = true;
  trigger("select");
};
const reportToHub = () => { // the Hub shows a Space in a frame, and people copy the address of the page around it
  if (window.parent !== window) {
    window.parent.postMessage({ queryString: location.search.slice(1) }, "https://huggingface.co");
  }
};
const leadsTo = (query) => {
  const next = new URLSearchParams(query);
  const row = next.get("row");
  if (row && row !== new URLSearchParams(location.search).get("row")) return "#pe-row-title";
  return next.get("tab") === "models" ? ".board-settings [aria-current]" : ".pe-list .count";
};
const giveFocus = (selector, frames) => { // its container may become visible some frames later
  const next = selector && document.querySelector(selector);
  if (next && next.offsetParent) {
    next.focus({ preventScroll: true });
    const block = next.closest("article") || next;
    const top = block.getBoundingClientRect().top;
    if (top < 0 || top > window.innerHeight / 2) block.scrollIntoView({ block: "start" });
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
  reportToHub();
  giveFocus(focusNext, 60);
  focusNext = null;
});
window.addEventListener("pe-filtered", () => {
  if (!following) history.replaceState(null, "", props.value);
  reportToHub();
});
