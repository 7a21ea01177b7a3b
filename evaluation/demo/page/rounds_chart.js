/** Loss and hits@10 round by round, with a readout that follows the pointer or the arrow keys. */

/** @import { Round } from "./types.js" */

import { el, svg } from "./elements.js";
import { fixed, number } from "./formats.js";
import { lineChart, roundAt } from "./line_chart.js";
import { redrawOnResize } from "./resizing.js";

const HEIGHT = 150;

function cross() {
  return svg(
    "svg",
    { width: 8, height: 8, "aria-hidden": "true" },
    svg("path", { d: "M1 1l6 6m0-6l-6 6" }),
  );
}

export class RoundsChart {
  constructor() {
    /** @type {Round[]} */
    this.rounds = [];
    /** @type {number | null} */
    this.marked = null;
    this.width = 0;
    this.loss = el("div", { class: "canvas" });
    this.hits = el("div", { class: "canvas" });
    this.told = el("span");
    this.key = el("span", { class: "gap-key", hidden: true }, cross(), " no figures");
    this.readout = el("p", { class: "readout" }, this.told, this.key);
    this.plots = this.makePlots();
    this.root = el("figure", { class: "rounds-chart" }, this.readout, this.plots);
    redrawOnResize(this.loss, (width) => {
      this.width = width;
      queueMicrotask(() => this.draw());
      return el("span");
    });
  }

  makePlots() {
    return el(
      "div",
      {
        class: "plots",
        role: "slider",
        tabindex: 0,
        "aria-label": "Round",
        pointermove: (/** @type {PointerEvent} */ event) => this.onPointer(event),
        pointerleave: () => this.mark(null),
        blur: () => this.mark(null),
        keydown: (/** @type {KeyboardEvent} */ event) => this.onKey(event),
      },
      el("p", { class: "plot-title" }, "Loss"),
      this.loss,
      el("p", { class: "plot-title" }, "Hits@10"),
      this.hits,
    );
  }

  /** @param {Round[]} newestFirst */
  show(newestFirst) {
    this.rounds = newestFirst.filter((round) => round.ended_at !== null).reverse();
    this.marked = null;
    this.draw();
  }

  draw() {
    this.say();
    if (!this.width || !this.rounds.length) return;
    const loss = this.rounds.map((round) => round.metrics?.loss ?? null);
    const hits = this.rounds.map((round) => round.metrics?.hits_at_10 ?? null);
    this.key.hidden = !loss.includes(null);
    const { width, marked } = this;
    const lossLine = { title: "Loss", values: loss, fromZero: false, digits: 2, kind: "loss" };
    const hitsLine = { title: "Hits@10", values: hits, fromZero: true, digits: 3, kind: "hits" };
    this.loss.replaceChildren(lineChart(lossLine, width, HEIGHT, marked));
    this.hits.replaceChildren(lineChart(hitsLine, width, HEIGHT, marked));
  }

  /** Tell of the marked round, or of the last one. */
  say() {
    const last = this.rounds.length - 1;
    const k = this.marked ?? last;
    const round = this.rounds[k];
    if (!round) return;
    const { metrics } = round;
    const figures = metrics
      ? `loss ${fixed(metrics.loss, 3)} · hits@10 ${fixed(metrics.hits_at_10, 3)}`
      : `${round.phase}${round.reason ? `: ${round.reason.replaceAll("_", " ")}` : ""}`;
    this.told.replaceChildren(el("b", {}, `Round ${round.id}`), ` ${figures}`);
    this.plots.setAttribute("aria-valuemin", "1");
    this.plots.setAttribute("aria-valuemax", String(last + 1));
    this.plots.setAttribute("aria-valuenow", String(k + 1));
    this.plots.setAttribute(
      "aria-valuetext",
      `Round ${round.id}: ${figures}; ${number(round.accepted)} updates`,
    );
  }

  /** @param {number | null} k */
  mark(k) {
    if (k === this.marked) return;
    this.marked = k;
    this.draw();
  }

  /** @param {PointerEvent} event */
  onPointer(event) {
    const x = event.clientX - this.loss.getBoundingClientRect().left;
    if (this.rounds.length) this.mark(roundAt(x, this.rounds.length, this.width));
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const last = this.rounds.length - 1;
    const k = this.marked ?? last;
    /** @type {Record<string, number>} */
    const to = {
      ArrowLeft: k - 1,
      ArrowDown: k - 1,
      ArrowRight: k + 1,
      ArrowUp: k + 1,
      Home: 0,
      End: last,
    };
    if (!Object.hasOwn(to, event.key) || last < 0) return;
    event.preventDefault();
    this.mark(Math.max(0, Math.min(last, to[event.key])));
  }
}
