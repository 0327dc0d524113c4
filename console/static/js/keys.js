// Single-key commands. Off while typing or in a dialog; the reader can switch them off for good (WCAG 2.1.4).
(() => {
  "use strict";
  const GO = { o: "/", r: "/orders", e: "/exceptions", i: "/inventory", t: "/routing", n: "/network", p: "/promises", c: "/connections", m: "/messages", d: "/deliveries" };
  const STORE = "cd_keys_off";
  let prefix = false;

  const off = () => localStorage.getItem(STORE) === "1";
  const typing = (element) => element.matches("input:not([type=checkbox]),select,textarea,[contenteditable]");
  const rows = () => [...document.querySelectorAll("[data-cd-row]")];

  function current() {
    const all = rows();
    return [all, all.findIndex((row) => row.classList.contains("cd-sel"))];
  }

  /** Moves the selection; a row that says where its detail is loads it. */
  function move(step) {
    const [all, at] = current();
    if (!all.length) return;
    const next = Math.min(Math.max(at + step, 0), all.length - 1);
    all.forEach((row, i) => row.classList.toggle("cd-sel", i === next));
    all[next].scrollIntoView({ block: "nearest" });
    const link = all[next].querySelector("a");
    link.focus({ preventScroll: true });
    if (link.hasAttribute("hx-get")) htmx.trigger(link, "cd:pick");
  }

  function open() {
    const [all, at] = current();
    if (at >= 0) all[at].querySelector("a").click();
  }

  function mark() {
    const [all, at] = current();
    all[at]?.querySelector("input[type=checkbox]")?.click();
  }

  function run(event) {
    const key = event.key.toLowerCase();
    if (prefix) {
      prefix = false;
      if (GO[key]) location.assign(GO[key]);
      return Boolean(GO[key]);
    }
    if (key === "g") { prefix = true; setTimeout(() => { prefix = false; }, 1200); return true; }
    if (key === "/") { document.querySelector(".cd-search input")?.focus(); return true; }
    if (event.key === "?") { document.getElementById("cd-help")?.showModal(); return true; }
    if (key === "j" || key === "k") { move(key === "j" ? 1 : -1); return true; }
    if (key === "x") { mark(); return true; }
    if (key === "enter" && document.activeElement === document.body) { open(); return true; }
    const button = [...document.querySelectorAll(`[data-cd-key="${CSS.escape(key)}"]`)].find((b) => b.offsetParent);
    if (button) { button.click(); return true; }
    return false;
  }

  document.addEventListener("keydown", (event) => {
    if ((event.metaKey || event.ctrlKey) && event.key === "k") {
      document.querySelector(".cd-search input")?.focus();
      event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || off() || typing(event.target) || document.querySelector("dialog[open]")) return;
    if (run(event)) event.preventDefault();
  });
  document.addEventListener("DOMContentLoaded", () => {
    const box = document.querySelector("[data-cd-keys-on]");
    if (!box) return;
    box.checked = !off();
    box.addEventListener("change", () => localStorage.setItem(STORE, box.checked ? "0" : "1"));
  });
})();
