// What scrolls sideways can be reached and scrolled by the keyboard, also after it was unfolded.
(() => {
  "use strict";
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries)
      target.tabIndex = target.scrollWidth > target.clientWidth ? 0 : -1;
  });
  document.querySelectorAll("pre, div.math").forEach((box) => watch.observe(box));
})();
