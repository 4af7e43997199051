// Trends: measured values as they were, what a warning rests on ringed, artefacts crossed, the forecast as a band.
"use strict";
(() => {
  const INK = "#e8eef3", DIM = "#9fb0bd", GRID = "#26323c", MARK = "#ffd60a", BAND = "120, 190, 255";
  const HEIGHT = 170, DAY_S = 86400;
  const home = document.getElementById("trends");
  const utc = (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC");
  const pad = (n) => String(n).padStart(2, "0");
  let plots = [];

  async function draw() {
    let answer;
    try { answer = await fetch(home.dataset.from, { cache: "no-store" }); } catch { return; } // the live line says so
    if (!answer.ok) return;
    const given = await answer.json();
    plots.forEach((plot) => plot.destroy());
    home.replaceChildren();
    plots = given.charts.map((chart) => one(given, chart));
    if (!plots.length) home.textContent = "Nothing has been measured in the last 24 hours.";
  }

  function one(given, chart) {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.textContent = chart.label;
    const last = chart.points.filter((p) => p[2] === "ok").at(-1);
    figure.setAttribute("aria-label", chart.label + (last ? ", newest " + last[1] : ", nothing usable") + "; all values are in the tables below");
    figure.append(caption);
    home.append(figure);
    const used = chart.points.filter((p) => p[2] === "ok");
    const values = [...chart.points.map((p) => p[1]), ...chart.band.flatMap((b) => [b[1], b[5]])];
    const low = Math.min(...values), high = Math.max(...values);
    const room = Math.max((high - low) * 0.12, Math.abs(high) * 0.02, 0.1);
    return new uPlot({
      width: width(), height: HEIGHT, tzDate: utc, legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { show: false } },
      scales: { x: { time: true, range: [given.since, given.until] }, y: { range: [low - room, high + room] } },
      axes: [
        { stroke: DIM, grid: { stroke: GRID }, ticks: { stroke: GRID }, values: (_, at) => at.map(hour) },
        { stroke: DIM, grid: { stroke: GRID }, ticks: { stroke: GRID }, size: 52 },
      ],
      series: [{}, {
        stroke: chart.lab ? DIM : INK, width: chart.lab ? 1 : 2, dash: chart.lab ? [3, 5] : [],
        points: { show: true, size: chart.lab ? 8 : 4, fill: INK, stroke: INK },
      }],
      hooks: { drawAxes: [(plot) => behind(plot, given, chart)], draw: [(plot) => above(plot, given, chart)] },
    }, [used.map((p) => p[0]), used.map((p) => p[1])], figure);
  }

  function hour(seconds) {
    const t = new Date(seconds * 1000);
    const clock = pad(t.getUTCHours()) + ":" + pad(t.getUTCMinutes());
    return seconds % DAY_S === 0 ? t.getUTCDate() + " " + t.toLocaleString("en", { month: "short", timeZone: "UTC" }) : clock;
  }

  function behind(plot, given, chart) {
    const x = (s) => plot.valToPos(s, "x", true), y = (v) => plot.valToPos(v, "y", true);
    clipped(plot, (pen) => {
      for (const [low, high, alpha] of [[1, 5, 0.22], [2, 4, 0.38]]) {
        pen.fillStyle = "rgba(" + BAND + ", " + alpha + ")";
        pen.beginPath();
        chart.band.forEach((b) => pen.lineTo(x(b[0]), y(b[low])));
        [...chart.band].reverse().forEach((b) => pen.lineTo(x(b[0]), y(b[high])));
        pen.fill();
      }
      stroke(pen, "rgb(" + BAND + ")", 2, [4, 4], () => chart.band.forEach((b) => pen.lineTo(x(b[0]), y(b[3]))));
      stroke(pen, DIM, 1, [], () => { pen.moveTo(x(given.now), plot.bbox.top); pen.lineTo(x(given.now), plot.bbox.top + plot.bbox.height); });
      for (const [at] of given.treatments) {
        stroke(pen, "#5bd6a0", 2, [], () => { pen.moveTo(x(at), plot.bbox.top + plot.bbox.height); pen.lineTo(x(at), plot.bbox.top + plot.bbox.height - 14 * devicePixelRatio); });
      }
    });
  }

  function above(plot, given, chart) {
    const x = (s) => plot.valToPos(s, "x", true), y = (v) => plot.valToPos(v, "y", true);
    const dot = devicePixelRatio;
    clipped(plot, (pen) => {
      for (const [at, value, quality, marked] of chart.points) {
        const px = x(at), py = y(value);
        if (quality !== "ok") {
          stroke(pen, DIM, 1.5, [], () => pen.arc(px, py, 5 * dot, 0, 7));
          stroke(pen, DIM, 1.5, [], () => { pen.moveTo(px - 7 * dot, py - 7 * dot); pen.lineTo(px + 7 * dot, py + 7 * dot); });
          stroke(pen, DIM, 1.5, [], () => { pen.moveTo(px - 7 * dot, py + 7 * dot); pen.lineTo(px + 7 * dot, py - 7 * dot); });
        }
        if (marked) stroke(pen, MARK, 3, [], () => pen.arc(px, py, 8 * dot, 0, 7));
      }
    });
  }

  function clipped(plot, paint) {
    const pen = plot.ctx, box = plot.bbox;
    pen.save();
    pen.beginPath();
    pen.rect(box.left, box.top, box.width, box.height);
    pen.clip();
    paint(pen);
    pen.restore();
  }

  function stroke(pen, colour, wide, dash, path) {
    pen.strokeStyle = colour;
    pen.lineWidth = wide * devicePixelRatio;
    pen.setLineDash(dash.map((d) => d * devicePixelRatio));
    pen.beginPath();
    path();
    pen.stroke();
    pen.setLineDash([]);
  }

  const width = () => Math.max(260, home.clientWidth > 1100 ? (home.clientWidth - 24) / 2 : home.clientWidth);
  addEventListener("resize", () => plots.forEach((plot) => plot.setSize({ width: width(), height: HEIGHT })));
  document.addEventListener("refreshed", draw);
  draw();
})();
