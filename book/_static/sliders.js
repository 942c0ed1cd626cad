// Sliders for figures: redraws a figure from numbers that the page holds. No library, no network.
//
// A script of class "sliders" and type application/json names the figure it belongs to and has what
// `inclusions.figures.sliders.Exploration` writes: controls, each with its values and where it
// starts, and panels with axes and series. A series lists the controls that it depends on; its x, y
// and error have one row for each combination of their values, the last control running fastest.
// The figure's image stays in the page for readers without JavaScript.
(() => {
  "use strict";

  const make = (name, attributes = {}, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const draw = (name, attributes = {}, ...children) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };

  // "γ_{i}" with its index below the line, as HTML or as parts of an SVG text
  const indexed = (text, lower) =>
    text.split(/_\{(.*?)\}/).map((part, i) => (i % 2 ? lower(part) : part));
  const inPage = (text) => indexed(text, (part) => make("sub", {}, part));
  const inDrawing = (text) =>
    indexed(text, (part) => draw("tspan", { "baseline-shift": "sub", "font-size": "75%" }, part));
  const spoken = (text) => indexed(text, (part) => ` ${part}`).join("");

  const MARKERS = {
    circle: "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z",
    square: "M-3.5 -3.5h7v7h-7Z",
    diamond: "M0 -5L5 0L0 5L-5 0Z",
    triangle: "M0 -5L4.6 3.6H-4.6Z",
    dot: "M-2 0a2 2 0 1 0 4 0a2 2 0 1 0 -4 0Z",
    disc: "M-11 0a11 11 0 1 0 22 0a11 11 0 1 0 -22 0Z",
  };
  const stroke = (series) => ({ class: "curve", "stroke-dasharray": series.dash.join(" ") });
  const marker = (series, x, y, shade = 1) =>
    draw("path", {
      class: series.hollow ? "marker hollow" : "marker",
      "fill-opacity": Math.min(1, Math.max(0, shade)),
      d: MARKERS[series.marker],
      transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`,
    });

  // From values of an axis to [0, 1], and where its ticks are
  const scale = ({ low, high, log }) => {
    const f = log ? Math.log10 : (value) => value;
    return (value) => (f(value) - f(low)) / (f(high) - f(low));
  };
  const ticks = ({ low, high, log }) => {
    if (log) {
      const first = Math.ceil(Math.log10(low) - 1e-9);
      const count = Math.floor(Math.log10(high) + 1e-9) - first + 1;
      return Array.from({ length: count }, (_, i) => 10 ** (first + i));
    }
    const rough = (high - low) / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].find((s) => s * power >= rough * 0.999) * power;
    const first = Math.ceil(low / step - 1e-9);
    const count = Math.floor(high / step + 1e-9) - first + 1;
    return Array.from({ length: count }, (_, i) => (first + i) * step);
  };
  const label = (value) => String(Number(value.toPrecision(6))).replace("-", "−");

  // The numbers of a series at the positions of the sliders
  const valuesAt = (series, name, controls, positions) => {
    const row = series.controls.reduce(
      (index, control) => index * controls[control].values.length + positions[control],
      0,
    );
    const rows = series[name];
    return rows && Array.isArray(rows[0]) ? rows[row] : rows;
  };

  // One panel at the positions of the sliders, as children of an SVG of this width
  const drawn = (panel, controls, positions, width) => {
    const side = Math.min(width, 330);
    const height = panel.bare ? side : Math.round(Math.min(330, Math.max(230, 0.62 * width)));
    const box = panel.bare
      ? { x: (width - side) / 2, y: 0, width: side, height: side }
      : { x: 58, y: 10, width: width - 70, height: height - 58 };
    const [fx, fy] = [scale(panel.x), scale(panel.y)];
    const [px, py] = [(x) => fx(x) * box.width, (y) => (1 - fy(y)) * box.height];
    const frame = draw("g", { class: "axes" });
    for (const x of panel.bare ? [] : ticks(panel.x)) {
      const at = box.x + px(x);
      frame.append(
        draw("path", { class: "grid", d: `M${at} ${box.y}v${box.height}` }),
        draw("text", { x: at, y: box.y + box.height + 17, "text-anchor": "middle" }, label(x)),
      );
    }
    for (const y of panel.bare ? [] : ticks(panel.y)) {
      const at = box.y + py(y);
      frame.append(
        draw("path", { class: "grid", d: `M${box.x} ${at}h${box.width}` }),
        draw("text", { x: box.x - 6, y: at + 4, "text-anchor": "end" }, label(y)),
      );
    }
    const middle = box.y + box.height / 2;
    if (!panel.bare) frame.append(
      draw("path", { class: "spine", d: `M${box.x} ${box.y}v${box.height}h${box.width}` }),
      draw(
        "text",
        { x: box.x + box.width / 2, y: height - 8, "text-anchor": "middle" },
        ...inDrawing(panel.x.label),
      ),
      draw(
        "text",
        { transform: `translate(13 ${middle}) rotate(-90)`, "text-anchor": "middle" },
        ...inDrawing(panel.y.label),
      ),
    );
    const inside = draw("svg", box); // cuts off what leaves the axes
    for (const series of panel.series) {
      const [xs, ys, errors, shades] = ["x", "y", "error", "shade"].map((name) =>
        valuesAt(series, name, controls, positions),
      );
      const group = draw("g", { class: "series", style: `--tone: var(--sliders-${series.tone})` });
      let path = "";
      let move = true;
      ys.forEach((y, i) => {
        const shown = y !== null && xs[i] !== null && (!panel.y.log || y > 0);
        if (shown) path += `${move ? "M" : "L"}${px(xs[i]).toFixed(1)} ${py(y).toFixed(1)}`;
        move = !shown;
        if (shown && errors)
          group.append(
            draw("path", {
              class: "error",
              d: `M${px(xs[i]).toFixed(1)} ${py(y - errors[i])}V${py(y + errors[i])}`,
            }),
          );
        if (shown && series.marker) group.append(marker(series, px(xs[i]), py(y), shades?.[i]));
      });
      if (series.line) group.prepend(draw("path", { ...stroke(series), d: path }));
      inside.append(group);
    }
    return { height, nodes: [frame, inside] };
  };

  const legend = (series) => {
    const sample = draw(
      "svg",
      { width: 34, height: 12, "aria-hidden": "true", style: `--tone: var(--sliders-${series.tone})` },
      ...(series.line ? [draw("path", { ...stroke(series), d: "M1 6h32" })] : []),
      ...(series.marker ? [marker(series, 17, 6)] : []),
    );
    return make("li", {}, sample, make("span", {}, ...inPage(series.label)));
  };

  const enliven = (script) => {
    const figure = document.getElementById(script.dataset.figure);
    const image = figure.querySelector("img");
    const { controls, panels } = JSON.parse(script.textContent);
    const positions = controls.map((control) => control.start);
    const canvases = panels.map((panel) =>
      draw("svg", { role: "img", "aria-label": `${spoken(panel.name)}. ${image.alt}` }),
    );
    const update = () =>
      panels.forEach((panel, i) => {
        const width = Math.floor(canvases[i].parentNode.clientWidth);
        if (!width) return;
        const { height, nodes } = drawn(panel, controls, positions, width);
        canvases[i].setAttribute("viewBox", `0 0 ${width} ${height}`);
        canvases[i].replaceChildren(...nodes);
        // Curves that the data lack here are not in the legend, but named.
        const named = panel.series.filter((series) => series.label);
        const there = named.filter((series) => at(series, "y").some((y) => y !== null));
        const lacking = named.filter((series) => !there.includes(series)).map((s) => s.label);
        legends[i].replaceChildren(...there.map(legend));
        notes[i].replaceChildren(
          ...(lacking.length ? inPage(`Not computed here: ${lacking.join("; ")}.`) : []),
        );
      });
    const at = (series, name) => valuesAt(series, name, controls, positions) ?? [];
    const legends = panels.map(() => make("ul", { class: "legend" }));
    const notes = panels.map(() => make("p", { class: "lacking", "aria-live": "polite" }));
    const inputs = controls.map((control, i) => {
      const id = `${script.dataset.figure}-slider-${i}`;
      const input = make("input", {
        id, type: "range", min: 0, max: control.values.length - 1, step: 1, value: control.start,
      }); // prettier-ignore
      const output = make("output", { for: id });
      const tell = () => {
        const value = control.texts[positions[i]];
        output.replaceChildren(...inPage(value));
        input.setAttribute("aria-valuetext", spoken(value));
      };
      input.addEventListener("input", () => {
        positions[i] = Number(input.value);
        tell();
        update();
      });
      tell();
      return make("div", {}, make("label", { for: id }, ...inPage(control.label)), input, output);
    });
    const plots = panels.map((panel, i) =>
      make(
        "div",
        { class: "panel" },
        make("p", { class: "name" }, ...inPage(panel.name)),
        make("div", {}, canvases[i]),
        legends[i],
        notes[i],
      ),
    );
    const widget = make(
      "div",
      { class: "explore", role: "group", "aria-label": "Figure with sliders" },
      make("div", { class: "controls" }, ...inputs),
      make("div", { class: "panels" }, ...plots),
    );
    const still = image.closest("a") ?? image; // the drawing, and what enlarges it
    still.before(widget);
    still.hidden = true;
    new ResizeObserver(update).observe(widget);
    update();
  };

  document.querySelectorAll("script.sliders").forEach(enliven);
})();
