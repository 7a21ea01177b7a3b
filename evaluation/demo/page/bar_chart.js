/** Vertical bars over an axis that starts at 0. */

import { digitsOf, niceTicks } from "./axis.js";
import { svg } from "./elements.js";
import { fixed } from "./formats.js";

const LEFT = 34;
const TOP = 22;
const BOTTOM = 22;
const HEIGHT = 196;

/**
 * @typedef {{name: string, short: string, value: number}} Bar
 * @param {string} title
 * @param {Bar[]} bars
 * @param {number} most the largest value on the axis, shared by charts that stand side by side
 * @param {number} width in pixels
 * @returns {SVGSVGElement}
 */
export function barChart(title, bars, most, width) {
  const ticks = niceTicks(0, most, 5);
  const top = ticks[ticks.length - 1];
  /** @param {number} value */
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  const values = bars.map((b) => `${b.short} ${fixed(b.value, 3)}`).join(", ");
  const label = `${title}, axis from 0 to ${fixed(top, digitsOf(ticks))}: ${values}.`;
  const slot = (width - LEFT) / bars.length;
  return svg(
    "svg",
    {
      class: "chart",
      viewBox: `0 0 ${width} ${HEIGHT}`,
      width,
      height: HEIGHT,
      role: "img",
      "aria-label": label,
    },
    ...ticks.flatMap((tick) => gridLine(y(tick), fixed(tick, digitsOf(ticks)), width)),
    ...bars.map((b, k) => column(b, LEFT + slot * (k + 0.5), Math.min(44, slot * 0.62), y)),
  );
}

/** @param {number} y @param {string} label @param {number} width */
function gridLine(y, label, width) {
  return [
    svg("line", { class: "grid", x1: LEFT, x2: width, y1: y, y2: y }),
    svg("text", { class: "tick", x: LEFT - 8, y: y + 4, "text-anchor": "end" }, label),
  ];
}

/** @param {Bar} bar @param {number} x @param {number} width @param {(value: number) => number} y */
function column(bar, x, width, y) {
  const height = Math.max(0, y(0) - y(bar.value));
  return svg(
    "g",
    { class: `stage-${bar.name}` },
    svg("rect", { class: "column", x: x - width / 2, y: y(bar.value), width, height }),
    svg(
      "text",
      { class: "value", x, y: y(bar.value) - 6, "text-anchor": "middle" },
      fixed(bar.value, 3),
    ),
    svg("text", { class: "tick", x, y: HEIGHT - 5, "text-anchor": "middle" }, bar.short),
  );
}
