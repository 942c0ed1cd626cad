// What scrolls sideways fades at the edges where it goes on. It can be reached and scrolled by the
// keyboard, also after it was unfolded; what does not scroll is no stop. A drawing opens large on a
// click, a tap or Enter.
(() => {
  "use strict";
  const boxes = "pre, div.math > mjx-container, .pst-scrollable-table-container, div.text_html, a.enlarge";
  const told = "scrolls sideways";
  const fade = (box) => {
    const left = box.scrollLeft, right = box.scrollWidth - box.clientWidth - left;
    box.classList.toggle("more-before", left > 1);
    box.classList.toggle("more-after", right > 1);
  };
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const box = target.closest(boxes);
      fade(box);
      if (box.matches("a")) continue; // a link is a stop already
      if (box.scrollWidth > box.clientWidth) {
        box.tabIndex = 0;
        if (!box.matches("pre")) box.setAttribute("role", "group");
        if (!box.hasAttribute("aria-label")) box.setAttribute("aria-label", told);
      } else {
        box.removeAttribute("tabindex");
        if (box.getAttribute("aria-label") !== told) continue;
        box.removeAttribute("aria-label");
        box.removeAttribute("role");
      }
    }
  });
  document.addEventListener("scroll", ({ target }) => target.matches?.(boxes) && fade(target), true);
  // A table grows within its box when its formulas are set, and a link with its drawing.
  const parts = ".pst-scrollable-table-container > table, a.enlarge > img";
  const observe = () =>
    document.querySelectorAll(`${boxes}, ${parts}`).forEach((part) => watch.observe(part));
  observe();
  addEventListener("load", () => window.MathJax?.startup?.promise?.then(observe));

  // Tables with a number, and answers, fold on a screen and are whole on paper.
  const unfolds = "details.long, details.sd-dropdown:not(:has(table)), details:has(caption, .caption-number)";
  const folded = `:is(${unfolds}):not([open])`;
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll(folded)];
    opened.forEach((one) => (one.open = true));
  });
  addEventListener("afterprint", () => opened.forEach((one) => (one.open = false)));

  document.querySelectorAll("a.enlarge").forEach((link) =>
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a tab of its own
      event.preventDefault();
      const dialog = document.createElement("dialog");
      dialog.className = "enlarged";
      dialog.setAttribute("aria-label", "Enlarged figure; Escape closes it");
      const large = link.querySelector("img").cloneNode();
      large.removeAttribute("loading");
      dialog.append(large);
      dialog.addEventListener("click", () => dialog.close());
      // Not every browser lets Escape close what another key has opened.
      dialog.addEventListener("keydown", ({ key }) => key === "Escape" && dialog.close());
      dialog.addEventListener("close", () => (dialog.remove(), link.focus()));
      document.body.append(dialog);
      dialog.showModal();
    }),
  );
})();
