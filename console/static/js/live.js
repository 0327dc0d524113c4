// Life on the page: the stream says that something changed, parts marked hx-trigger="cd:refresh" fetch themselves
// again and are morphed in place; cells whose text changed flash once. Without a stream the page asks every 10 s.
(() => {
  "use strict";
  const POLL_MS = 10000;
  const GATHER_MS = 1500;
  let poll = null;
  let waiting = null;
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

  /** Asks the marked parts to fetch themselves, at most once per GATHER_MS and never in a background tab. */
  function changed() {
    if (waiting || document.hidden) return;
    waiting = setTimeout(() => {
      waiting = null;
      for (const part of document.querySelectorAll("[data-cd-live-part]")) htmx.trigger(part, "cd:refresh");
    }, GATHER_MS);
  }

  function startPolling() {
    if (poll) return;
    show("poll", "Every 10 s");
    poll = setInterval(async () => {
      if (document.hidden) return;
      try {
        const answer = await fetch(pill().dataset.cdPoll, { headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(String(answer.status));
        const { last: seen } = await answer.json();
        if (last !== null && seen !== last) changed();
        last = seen;
        show("poll", "Every 10 s");
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
