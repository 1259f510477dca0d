"use strict";
(() => {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const grids = JSON.parse(document.getElementById("report-grids").textContent);
  const root = document.documentElement;
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  // Tables: sorted by the buttons in their heads, and folded where they are long.
  const sortBy = (table, head) => {
    const index = [...head.parentNode.children].indexOf(head);
    const down = head.getAttribute("aria-sort") === "ascending";
    const body = table.tBodies[0];
    const key = (row) => row.children[index].dataset.v ?? row.children[index].textContent.trim();
    const rows = [...body.rows].map((row) => [key(row), row]);
    const numeric = rows.every(([value]) => value === "" || !Number.isNaN(toNumber(value)));
    rows.sort(([a], [b]) => {
      if (a === "" || b === "") return (a === "") - (b === "");
      const order = numeric ? toNumber(a) - toNumber(b) || 0 : a.localeCompare(b, undefined, { numeric: true });
      return down ? -order : order;
    });
    body.append(...rows.map(([, row]) => row));
    for (const other of head.parentNode.children) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
  };
  const toNumber = (text) => (text === "inf" ? Infinity : text === "-inf" ? -Infinity : Number(text));
  for (const table of all("table.sortable")) {
    for (const button of all("thead .sort", table)) button.addEventListener("click", () => sortBy(table, button.closest("th")));
  }
  for (const table of all("table[data-fold]")) {
    const shown = Number(table.dataset.fold);
    const count = table.tBodies[0].rows.length;
    if (count <= shown) continue;
    const said = document.createElement("p");
    said.className = "note only-print";
    said.textContent = `${shown} of ${count} rows are shown.`;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "unfold";
    const fold = (folded) => {
      table.classList.toggle("folded", folded);
      button.textContent = folded ? `Show all ${count} rows` : `Show the first ${shown} of ${count} rows`;
      said.hidden = !folded;
    };
    button.addEventListener("click", () => fold(!table.classList.contains("folded")));
    fold(true);
    (table.closest(".scroll") ?? table).after(button, said);
  }

  // Curves.
  const DASHES = ["solid", "dash", "dot", "dashdot"];
  const on = new Set(data.order.length <= data.some + 2 ? data.order : data.order.slice(0, data.some));
  const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const digits = (value) => (value === null ? "–" : Number(value.toPrecision(4)).toLocaleString("en", { maximumSignificantDigits: 4 }));
  const faint = (hex, share) => `rgba(${[1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)).join(",")},${share})`;

  const bands = (x, low, high) => {
    // One closed outline for each stretch of finite values.
    const xs = [], ys = [];
    let start = 0;
    for (let i = 0; i <= x.length; i++) {
      if (i < x.length && low[i] !== null) continue;
      if (i > start) {
        for (let k = start; k < i; k++) { xs.push(x[k]); ys.push(high[k]); }
        for (let k = i - 1; k >= start; k--) { xs.push(x[k]); ys.push(low[k]); }
        xs.push(null); ys.push(null);
      }
      start = i + 1;
    }
    return [xs, ys];
  };
  const traces = (metric) => metric.curves.flatMap((curve) => {
    const position = data.positions[curve.setting];
    const x = data.steps[curve.steps], hex = colour(`--c${position % 8}`), label = escaped(data.labels[curve.setting]);
    const visible = on.has(curve.setting);
    const said = curve.mean.map((_, i) => {
      const n = Array.isArray(curve.n) ? curve.n[i] : curve.n;
      const range = curve.low && n > 1 ? ` (${digits(curve.low[i])} to ${digits(curve.high[i])})` : "";
      return `${label}: ${digits(curve.mean[i])}${range}, ${n} of ${curve.seeds} seed${curve.seeds === 1 ? "" : "s"}`;
    });
    const made = [{
      x, y: curve.mean, text: said, hovertemplate: "%{text}<extra></extra>", visible, showlegend: false, name: label,
      mode: x.length === 1 ? "markers" : "lines", marker: { size: 8 }, meta: { setting: curve.setting },
      line: { color: hex, width: 2, dash: DASHES[Math.floor(position / 8) % 4] }, connectgaps: false,
    }];
    if (curve.low) {
      const [xs, ys] = bands(x, curve.low, curve.high);
      made.unshift({ x: xs, y: ys, fill: "toself", fillcolor: faint(hex, 0.14), line: { width: 0 }, mode: "lines", hoverinfo: "skip", showlegend: false, visible, meta: { setting: curve.setting } });
    }
    return made;
  });
  const draw = (panel, width) => {
    const select = panel.querySelector("select"), logarithmic = panel.querySelector("input").checked;
    const metric = data.metrics[Number(select.value)], plot = panel.querySelector(".plot");
    const ink = colour("--ink"), soft = colour("--soft"), line = colour("--grid");
    const few = metric.curves.filter((curve) => on.has(curve.setting)).length <= 8;
    const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, tickfont: { color: soft, size: 12 }, automargin: true };
    panel.querySelector(".panel-title").textContent = metric.name + (logarithmic ? ", logarithmic" : "");
    panel.querySelector(".way").textContent = metric.better ? `${metric.better} is better` : "";
    plot.setAttribute("aria-label", `${metric.name} against step`);
    return Plotly.react(plot, traces(metric), {
      autosize: width === undefined, width, height: width === undefined ? undefined : 250, uirevision: select.value + logarithmic,
      margin: { l: 8, r: 28, t: 8, b: 8 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, color: ink },
      hovermode: few ? "x" : "closest", hoverlabel: { bgcolor: colour("--panel"), bordercolor: colour("--rule"), font: { color: ink, size: 12 }, align: "left", namelength: -1 },
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      xaxis: { ...axis, rangemode: "tozero", title: { text: "step", font: { color: soft, size: 12 } }, tickformat: ",", nticks: 6 },
      yaxis: { ...axis, type: logarithmic ? "log" : "linear", exponentformat: "power" },
    }, { responsive: true, displaylogo: false, displayModeBar: innerWidth < 700 ? false : "hover", modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] });
  };
  const panels = all(".panel");
  const drawAll = (width) => { for (const panel of panels) draw(panel, width); };
  const toggled = () => {
    for (const chip of all(".chip")) chip.setAttribute("aria-pressed", String(on.has(Number(chip.dataset.setting))));
    drawAll();
  };
  panels.forEach((panel, i) => {
    const select = panel.querySelector("select");
    for (const [kind, title] of [["evaluation", "Evaluation"], ["training", "Training"]]) {
      const group = document.createElement("optgroup");
      group.label = title;
      data.metrics.forEach((metric, k) => { if (metric.kind === kind) group.append(new Option(metric.name, String(k))); });
      if (group.children.length) select.append(group);
    }
    select.value = String(data.first[i]);
    select.addEventListener("change", () => draw(panel));
    panel.querySelector("input").addEventListener("change", () => draw(panel));
  });
  for (const chip of all(".chip")) {
    chip.addEventListener("click", () => {
      const setting = Number(chip.dataset.setting);
      if (!on.delete(setting)) on.add(setting);
      toggled();
    });
  }
  for (const button of all("[data-choose]")) {
    button.addEventListener("click", () => {
      on.clear();
      const chosen = { all: data.order, none: [], some: data.order.slice(0, data.some) }[button.dataset.choose];
      for (const setting of chosen) on.add(setting);
      toggled();
    });
  }
  if (panels.length) toggled();

  // The page follows the system's colours, also when they change; on paper it is light.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll());
  addEventListener("beforeprint", () => { root.classList.add("printing"); drawAll(330); });
  addEventListener("afterprint", () => { root.classList.remove("printing"); drawAll(); });

  // Sample grids: another step, and larger.
  const choice = document.getElementById("grid-step");
  for (const button of all("button.grid")) Object.assign(button, { end: button.firstElementChild.src, endStep: button.dataset.step });
  choice?.addEventListener("change", () => {
    for (const button of all("button.grid")) {
      const made = choice.value ? grids[choice.value]?.[button.dataset.run] : button.end;
      button.disabled = !made;
      if (made) button.firstElementChild.src = made;
      button.dataset.step = choice.value || button.endStep;
      button.parentNode.querySelector(".step").textContent = made ? `step ${Number(button.dataset.step).toLocaleString("en")}` : "no grid at this step";
    }
  });
  const larger = document.getElementById("larger");
  for (const button of all("button.grid")) {
    button.addEventListener("click", () => {
      larger.querySelector("img").src = button.firstElementChild.src;
      larger.querySelector("figcaption").textContent = `${button.dataset.caption}, step ${Number(button.dataset.step).toLocaleString("en")}`;
      larger.showModal();
    });
  }
  larger.addEventListener("click", (event) => { if (event.target === larger) larger.close(); });

  // Commands are copied, or at least selected.
  for (const button of all(".copy")) {
    button.addEventListener("click", async () => {
      const code = button.parentNode.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }

  // The section that is being read.
  const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-15% 0px -75% 0px" });
  for (const section of all("main > section")) watch.observe(section);
})();
