// Links and filters change the page without loading it again; keys work. Without this script, links and the form do.
"use strict";
const byId = (id) => document.getElementById(id);
const typing = (element) => element.matches("input, select, textarea");
let asked = null; // the request under way
let timer = 0;

const reportToHub = () => { // the Hub shows a Space in a frame, and people copy the address of the page around it
  if (window.parent !== window) window.parent.postMessage({ queryString: location.search.slice(1) }, "https://huggingface.co");
};
const piece = async (address, signal) => {
  const answer = await fetch(address, { headers: { "x-piece": "1" }, signal });
  if (!answer.ok) throw new Error(answer.status);
  return answer.text();
};
const parsed = (html) => new DOMParser().parseFromString(html, "text/html").body;

const isNarrow = () => matchMedia("(max-width: 47.99rem)").matches;
const leadsTo = (before) => {
  const now = new URLSearchParams(location.search);
  if (now.get("tab") === "models") return ".board-settings [aria-current]";
  const then = new URLSearchParams(before);
  return ["row", "beside", "change"].some((name) => now.get(name) && now.get(name) !== then.get(name)) ? "#row-title" : ".count";
};
const show = async (query, { keepForm = false, before = null } = {}) => {
  const isOpen = document.querySelector(".fields")?.open;
  asked?.abort();
  asked = new AbortController();
  document.body.classList.add("busy");
  try {
    const found = parsed(await piece(`./${query}`, asked.signal));
    const main = byId("main");
    const inForm = keepForm && byId("filters") && found.querySelector("#filters");
    if (inForm) { // who types goes on typing
      for (const id of ["list", "open"]) byId(id).replaceChildren(...found.querySelector(`#${id}`).childNodes);
      byId("panes").className = found.querySelector("#panes").className;
      if (byId("tabs")) byId("tabs").replaceChildren(...found.querySelector("#tabs").childNodes);
    } else {
      main.replaceChildren(...found.childNodes);
    }
    if (!isOpen && isNarrow()) document.querySelector(".fields")?.removeAttribute("open");
    reportToHub();
    byId("said").textContent = document.querySelector(".count")?.textContent.split(" · ")[0] ?? "";
    document.querySelector(".items [aria-current]")?.scrollIntoView({ block: "nearest" });
    if (before !== null) giveFocus(leadsTo(before));
  } catch (error) {
    if (error.name !== "AbortError") location.assign(`./${query}`); // the browser says what is wrong
  } finally {
    document.body.classList.remove("busy");
  }
};
const giveFocus = (selector) => {
  const next = document.querySelector(selector);
  if (!next) return;
  next.focus({ preventScroll: true });
  if (selector === "#row-title" || window.scrollY > 200) window.scrollTo({ top: 0 });
};
const follow = (query) => {
  clearTimeout(timer); // of what was typed before
  const before = location.search;
  history.pushState(null, "", `./${query}`);
  return show(query, { before });
};
const filter = () => {
  const form = document.querySelector("#filters form");
  if (!form) return;
  const given = [...new FormData(form)].filter(([, value]) => value !== "");
  const query = `?${new URLSearchParams(given)}`;
  history.replaceState(null, "", `./${query}`);
  return show(query, { keepForm: true });
};

document.addEventListener("click", (event) => {
  const target = event.target.closest("a[data-go], button.keys");
  if (!target || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  if (target.matches("button.keys")) {
    byId("help").showModal();
  } else {
    event.preventDefault();
    follow(target.getAttribute("href"));
  }
});
document.addEventListener("input", (event) => {
  if (!event.target.closest("#filters")) return;
  clearTimeout(timer);
  timer = setTimeout(filter, event.target.matches("input") ? 120 : 0);
});
document.addEventListener("submit", (event) => {
  if (!event.target.closest("#filters")) return;
  event.preventDefault();
  clearTimeout(timer);
  filter();
});
document.addEventListener("toggle", async (event) => {
  const address = event.target.dataset?.load;
  if (!address || !event.target.open) return;
  try {
    const shown = parsed(await piece(address));
    delete event.target.dataset.load;
    event.target.replaceChildren(event.target.querySelector("summary"), ...shown.childNodes);
  } catch { // the link in it stays, and says what is wrong
  }
}, true);
window.addEventListener("popstate", () => show(location.search || "?", { before: "" }));

const click = (selector) => document.querySelector(selector)?.click();
const KEYS = {
  j: () => click('#open a[rel="next"]'),
  k: () => click('#open a[rel="prev"]'),
  n: () => click("#page-after"),
  p: () => click("#page-before"),
  t: () => click("#to-twin"),
  o: () => click("#to-original"),
  m: () => click("#tabs a:not([aria-current])"),
  e: () => {
    const replies = [...document.querySelectorAll(".answer > .reply")];
    const open = !replies.every((one) => one.open);
    replies.forEach((one) => { one.open = open; });
    if (open) byId("answers-title")?.scrollIntoView();
  },
  "/": () => {
    const details = document.querySelector(".fields");
    if (!details) return;
    details.open = true;
    details.querySelector("input").focus();
  },
  "?": () => byId("help").showModal(),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && typing(event.target)) {
    event.preventDefault(); // what was typed stays
    event.target.blur();
  }
  if (typing(event.target) || byId("help").open || !Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
});
document.body.classList.add("scripted");
document.querySelector("button.keys").hidden = false;
if (isNarrow()) document.querySelector(".fields")?.removeAttribute("open");
