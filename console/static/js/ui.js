// Theme, times in the reader's zone, dialogs, toasts, filters that submit themselves, copying, bucket tooltips.
(() => {
  "use strict";
  const root = document.documentElement;

  function shownTheme() {
    return root.dataset.bsTheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  }

  function switchTheme() {
    root.dataset.bsTheme = shownTheme() === "dark" ? "light" : "dark";
    const secure = location.protocol === "https:" ? ";Secure" : "";
    document.cookie = `cd_theme=${root.dataset.bsTheme};Path=/;Max-Age=31536000;SameSite=Lax${secure}`;
  }

  const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
  const dayClock = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit" });
  const yearClock = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short", year: "numeric" });
  const dayOnly = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short" });
  const seconds = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

  /** Rewrites the UTC times below a node into the reader's zone; the exact instant stays in the title. */
  function localize(node) {
    const now = new Date();
    const today = now.toDateString();
    for (const label of node.querySelectorAll("text[data-cd-at]")) {
      label.textContent = (label.dataset.cdTime === "day" ? dayOnly : clock).format(new Date(label.dataset.cdAt));
    }
    for (const element of node.querySelectorAll("time[data-cd-time]")) {
      const at = new Date(element.dateTime);
      const style = element.dataset.cdTime;
      const sameDay = at.toDateString() === today;
      const text = style === "time" ? seconds.format(at) : style === "full" ? full.format(at)
        : sameDay ? clock.format(at) : at.getFullYear() !== now.getFullYear() ? yearClock.format(at)
        : dayClock.format(at).replace(",", "");
      if (element.textContent !== text) element.textContent = text;
      element.title = element.dateTime;
    }
  }

  function toast(text, bad) {
    const box = document.createElement("div");
    box.className = bad ? "cd-toast cd-toast-bad" : "cd-toast";
    box.textContent = text;
    document.querySelector(".cd-toasts")?.append(box);
    fade(box);
  }

  function fade(box) {
    setTimeout(() => box.remove(), 8000);
  }

  function onClick(event) {
    const hit = event.target.closest("[data-cd-theme],[data-cd-open],[data-cd-close],[data-cd-copy]");
    if (!hit) return;
    if ("cdTheme" in hit.dataset) switchTheme();
    else if (hit.dataset.cdOpen) document.getElementById(hit.dataset.cdOpen).showModal();
    else if ("cdClose" in hit.dataset) hit.closest("dialog").close();
    else if (hit.dataset.cdCopy) navigator.clipboard.writeText(hit.dataset.cdCopy).then(() => toast("Copied"), () => toast("The browser refused to copy", true));
  }

  window.crossdock = { localize, toast };
  document.addEventListener("click", onClick);
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-cd-submit]")) event.target.form.requestSubmit();
  });
  // Filters left empty stay out of the address.
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "get") return;
    for (const field of event.target.elements) if (field.name && field.value === "") field.disabled = true;
    setTimeout(() => { for (const field of event.target.elements) field.disabled = false; });
  });
  document.addEventListener("DOMContentLoaded", () => {
    localize(document);
    document.querySelectorAll(".cd-toast").forEach(fade);
  });
  document.addEventListener("htmx:after:swap", () => localize(document));
})();
