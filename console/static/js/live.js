// Life on the page: the stream says that something changed, parts marked hx-trigger="cd:refresh" fetch themselves
// again and are morphed in place; cells whose text changed flash once. Without a stream the page asks every 4 s.
(() => {
  "use strict";
  const POLL_MS = 4000;
  const GATHER_MS = 300;
  const PAUSE_MS = 1500;
  let poll = null;
  const waiting = new Map();
  const asked = new Map();
  let before = new Map();
  let last = null;

  const pill = () => document.getElementById("cd-live");

  function show(state, text) {
    const box = pill();
    if (!box) return;
    box.classList.toggle("cd-ok", state === "live");
    box.classList.toggle("cd-warn", state === "poll");
    box.firstElementChild.classList.toggle("cd-dot-pulse", state === "live");
    box.querySelector("[data-cd-live-text]").textContent = text;
  }

  /** Asks each marked part to fetch itself: at once when it has been quiet, else when its pause (ms) is over. */
  function changed() {
    if (document.hidden) return;
    for (const part of document.querySelectorAll("[data-cd-live-part]")) {
      if (waiting.has(part.id)) continue;
      const pause = Number(part.dataset.cdLivePart) || PAUSE_MS;
      const due = Math.max(0, (asked.get(part.id) ?? 0) + pause - performance.now());
      waiting.set(part.id, setTimeout(() => {
        waiting.delete(part.id);
        asked.set(part.id, performance.now());
        const now = document.getElementById(part.id);
        if (now) htmx.trigger(now, "cd:refresh");
      }, Math.max(due, GATHER_MS)));
    }
  }

  function startPolling() {
    if (poll) return;
    show("poll", "Every 4 s");
    poll = setInterval(async () => {
      if (document.hidden) return;
      try {
        const answer = await fetch(pill().dataset.cdPoll, { headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(String(answer.status));
        const { last: seen } = await answer.json();
        if (last !== null && seen !== last) changed();
        last = seen;
        show("poll", "Every 4 s");
      } catch {
        show("poll", "Hub out of reach");
      }
    }, POLL_MS);
  }

  function stopPolling() {
    clearInterval(poll);
    poll = null;
  }

  const cells = () => new Map([...document.querySelectorAll("[data-cd-cell]")].map((cell) => [cell.dataset.cdCell, cell.textContent.trim()]));

  document.addEventListener("cd:state", (event) => {
    stopPolling();
    const { rate } = JSON.parse(event.detail.data);
    show("live", rate > 0 ? `Live ${rate.toLocaleString("en")} msg/min` : "Live");
  });
  document.addEventListener("cd:change", changed);
  document.addEventListener("htmx:sse:error", startPolling);
  document.addEventListener("htmx:response:error", (event) => { if (event.target === pill()) startPolling(); });
  document.addEventListener("htmx:before:swap", () => { before = cells(); });
  document.addEventListener("htmx:after:swap", () => {
    for (const [key, text] of cells()) {
      if (!before.has(key) || before.get(key) === text) continue;
      const cell = document.querySelector(`[data-cd-cell="${CSS.escape(key)}"]`);
      cell.classList.remove("cd-flash");
      void cell.offsetWidth;
      cell.classList.add("cd-flash");
    }
  });
})();
