// Trends: measured values as they were, what a warning rests on ringed, artefacts crossed, the forecast as a band.
"use strict";
(() => {
  const INK = "#e8eef3", DIM = "#9fb0bd", GRID = "#26323c", MARK = "#ffd60a", GIVEN = "#5bd6a0", BAND = "120, 190, 255";
  const HEIGHT = 190, SMALL = 120;
  const home = document.getElementById("trends");
  const pad = (n) => String(n).padStart(2, "0");
  let plots = [];

  async function draw() {
    let answer;
    try { answer = await fetch(home.dataset.from, { cache: "no-store" }); } catch { return; } // the live line says so
    if (!answer.ok) return;
    const given = await answer.json();
    plots.forEach((plot) => plot.destroy());
    home.replaceChildren();
    const rest = document.createElement("div"); // small ones, below those that a warning or a first look needs
    rest.className = "rest";
    plots = given.charts.map((chart) => one(given, chart, chart.small ? rest : home));
    home.append(rest);
    if (!plots.length) home.textContent = "Nothing has been measured in the last 24 hours.";
  }

  function one(given, chart, place) {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.textContent = chart.label;
    const last = chart.points.filter((p) => p[2] === "ok").at(-1);
    const newest = last ? ", newest " + last[1] : ", nothing usable";
    figure.setAttribute("aria-label", chart.label + newest + "; all values are in the tables below");
    figure.append(caption);
    place.append(figure);
    const used = chart.points.filter((p) => p[2] === "ok");
    // what is not used does not set the scale: an artefact beyond it is drawn at its edge
    const scaled = used.length || chart.band.length ? used : chart.points;
    const values = [...scaled.map((p) => p[1]), ...chart.band.flatMap((b) => [b[1], b[5]])];
    const low = Math.min(...values), high = Math.max(...values);
    const room = Math.max((high - low) * 0.12, Math.abs(high) * 0.02, 0.1);
    return new uPlot({
      width: width(figure), height: chart.small ? SMALL : HEIGHT,
      tzDate: (s) => date(given.clocks, s), legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { show: false } },
      scales: { x: { time: true, range: [given.since, given.until] }, y: { range: [low - room, high + room] } },
      axes: [
        {
          stroke: DIM, grid: { stroke: GRID }, ticks: { stroke: GRID }, space: given.clocks.length > 1 ? 100 : 50,
          values: (_, at) => at.map((s) => hour(given.clocks, s)),
        },
        { stroke: DIM, grid: { stroke: GRID }, ticks: { stroke: GRID }, size: 52 },
      ],
      series: [{}, {
        stroke: chart.lab ? DIM : INK, width: chart.lab ? 1 : 2, dash: chart.lab ? [3, 5] : [],
        points: { show: true, size: chart.lab ? 8 : 4, fill: INK, stroke: INK },
      }],
      hooks: { drawAxes: [(plot) => behind(plot, given, chart)], draw: [(plot) => above(plot, given, chart)] },
    }, [used.map((p) => p[0]), used.map((p) => p[1])], figure);
  }

  // The clock of the ward. `clocks`: from when on it is how many seconds ahead of UTC.
  const ahead = (clocks, seconds) => (clocks.findLast(([from]) => from <= seconds) ?? clocks[0])[1];
  const local = (clocks, seconds) => new Date((seconds + ahead(clocks, seconds)) * 1000);
  const date = (clocks, seconds) => uPlot.tzDate(local(clocks, seconds), "Etc/UTC");

  function hour(clocks, seconds) {
    const t = local(clocks, seconds), at = seconds + ahead(clocks, seconds);
    const clock = pad(t.getUTCHours()) + ":" + pad(t.getUTCMinutes());
    if (clock === "00:00") return t.getUTCDate() + " " + t.toLocaleString("en", { month: "short", timeZone: "UTC" });
    const twice = clocks.some(([, off]) => off !== ahead(clocks, seconds) && ahead(clocks, at - off) === off);
    return twice ? clock + " " + fromUtc(ahead(clocks, seconds)) : clock;
  }

  // the same words as schemas/local_time.py
  function fromUtc(seconds) {
    const minutes = Math.round(Math.abs(seconds) / 60), rest = minutes % 60;
    return "UTC" + (seconds < 0 ? "-" : "+") + Math.floor(minutes / 60) + (rest ? ":" + pad(rest) : "");
  }

  function behind(plot, given, chart) {
    const x = (s) => plot.valToPos(s, "x", true), y = (v) => plot.valToPos(v, "y", true);
    const top = plot.bbox.top, bottom = top + plot.bbox.height;
    const upright = (at, from) => (pen) => { pen.moveTo(x(at), from); pen.lineTo(x(at), bottom); };
    clipped(plot, (pen) => {
      for (const [low, high, alpha] of [[1, 5, 0.22], [2, 4, 0.38]]) {
        pen.fillStyle = "rgba(" + BAND + ", " + alpha + ")";
        pen.beginPath();
        chart.band.forEach((b) => pen.lineTo(x(b[0]), y(b[low])));
        [...chart.band].reverse().forEach((b) => pen.lineTo(x(b[0]), y(b[high])));
        pen.fill();
      }
      stroke(pen, "rgb(" + BAND + ")", 2, [4, 4], () => chart.band.forEach((b) => pen.lineTo(x(b[0]), y(b[3]))));
      stroke(pen, DIM, 1, [], upright(given.now, top));
      for (const [at] of given.treatments) stroke(pen, GIVEN, 2, [], upright(at, bottom - 14 * devicePixelRatio));
    });
  }

  function above(plot, given, chart) {
    const x = (s) => plot.valToPos(s, "x", true), y = (v) => plot.valToPos(v, "y", true);
    const dot = devicePixelRatio;
    clipped(plot, (pen) => {
      for (const [at, value, quality, marked] of chart.points) {
        const edge = 9 * dot, top = plot.bbox.top + edge, bottom = plot.bbox.top + plot.bbox.height - edge;
        const px = x(at), py = quality === "ok" ? y(value) : Math.min(bottom, Math.max(top, y(value)));
        if (quality !== "ok") {
          const arm = 7 * dot;
          stroke(pen, DIM, 1.5, [], () => pen.arc(px, py, 5 * dot, 0, 7));
          stroke(pen, DIM, 1.5, [], () => {
            pen.moveTo(px - arm, py - arm);
            pen.lineTo(px + arm, py + arm);
            pen.moveTo(px - arm, py + arm);
            pen.lineTo(px + arm, py - arm);
          });
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
    path(pen);
    pen.stroke();
    pen.setLineDash([]);
  }

  const width = (figure) => Math.max(260, figure.clientWidth);
  const fit = (plot) => plot.setSize({ width: width(plot.root.parentElement), height: plot.height });
  addEventListener("resize", () => plots.forEach(fit));
  document.addEventListener("refreshed", draw);
  draw();
})();
