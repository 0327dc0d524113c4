// The exceptions queue: the chosen row, the address that names it, and the bar for several at once.
(() => {
  "use strict";
  const boxes = () => [...document.querySelectorAll("#queue input[type=checkbox]")];

  function showBar() {
    const bar = document.querySelector(".cd-bulk");
    if (!bar) return;
    const chosen = boxes().filter((box) => box.checked);
    const orders = chosen.reduce((sum, box) => sum + Number(box.dataset.cdOrders), 0);
    bar.hidden = chosen.length === 0;
    bar.querySelector("[data-cd-bulk-text]").textContent =
      `${chosen.length} selected · ${orders.toLocaleString("en")} order${orders === 1 ? "" : "s"}`;
  }

  document.addEventListener("change", (event) => { if (event.target.closest("#queue")) showBar(); });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-cd-bulk-clear]")) {
      boxes().forEach((box) => { box.checked = false; });
      showBar();
    }
    // Plain clicks load the pane in place; with a modifier the browser opens the address.
    const link = event.target.closest("#queue a");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) event.preventDefault();
  });
  document.addEventListener("htmx:after:swap", () => {
    showBar();
    const pane = document.getElementById("pane");
    if (document.activeElement?.closest("#queue a")) pane.scrollTop = 0;
  });
  document.addEventListener("htmx:before:request", (event) => {
    const row = event.target.closest?.("#queue li");
    if (!row) return;
    document.querySelectorAll("#queue li.cd-sel").forEach((other) => other.classList.remove("cd-sel"));
    row.classList.add("cd-sel");
    const link = row.querySelector("a");
    history.replaceState(null, "", link.href);
    document.getElementById("queue").setAttribute("hx-get", link.href);
  });
})();
