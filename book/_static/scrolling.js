// What scrolls sideways can be reached and scrolled by the keyboard, also after it was unfolded.
(() => {
  "use strict";
  const boxes = "pre, div.math, .pst-scrollable-table-container";
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const box = target.closest(boxes);
      box.tabIndex = box.scrollWidth > box.clientWidth ? 0 : -1;
    }
  });
  // A table grows within its box when its formulas are set.
  document.querySelectorAll(`${boxes}, .pst-scrollable-table-container > table`)
    .forEach((part) => watch.observe(part));
})();
