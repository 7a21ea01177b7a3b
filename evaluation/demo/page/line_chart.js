/** A line over rounds; rounds without a value leave a gap. */

import { digitsOf, niceTicks } from "./axis.js";
import { svg } from "./elements.js";
import { fixed } from "./formats.js";

const LEFT = 40;
const RIGHT = 10;
const TOP = 10;
const BOTTOM = 8;

/**
 * @typedef {{title: string, values: (number | null)[], fromZero: boolean, digits: number, kind: string}} Line
 */

/**
 * Horizontal place of round k of n.
 * @param {number} k
 * @param {number} n
 * @param {number} width
 */
export function placeOf(k, n, width) {
  return n > 1 ? LEFT + ((width - LEFT - RIGHT) * k) / (n - 1) : (LEFT + width - RIGHT) / 2;
}

/**
 * The round nearest to a horizontal place.
 * @param {number} x
 * @param {number} n
 * @param {number} width
 */
export function roundAt(x, n, width) {
  const k = Math.round(((x - LEFT) / (width - LEFT - RIGHT)) * (n - 1));
  return Math.max(0, Math.min(n - 1, k));
}

/**
 * @param {Line} line
 * @param {number} width
 * @param {number} height
 * @param {number | null} marked index of the round under the reader's hand
 * @returns {SVGSVGElement}
 */
export function lineChart(line, width, height, marked) {
  const known = line.values.filter((value) => value !== null);
  const low = line.fromZero || !known.length ? 0 : Math.min(...known);
  const ticks = niceTicks(low, Math.max(...known, low + 1e-6), 3);
  const [bottom, top] = [ticks[0], ticks[ticks.length - 1]];
  /** @param {number} value */
  const y = (value) => TOP + (height - TOP - BOTTOM) * (1 - (value - bottom) / (top - bottom));
  /** @param {number} k */
  const x = (k) => placeOf(k, line.values.length, width);
  return svg(
    "svg",
    {
      class: `chart line ${line.kind}`,
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      "aria-hidden": "true",
    },
    ...ticks.flatMap((tick) => gridLine(y(tick), fixed(tick, digitsOf(ticks)), width)),
    svg("path", { class: "path", d: pathOf(line.values, x, y) }),
    ...dots(line.values, x, y),
    ...gaps(line.values, x, height),
    ...mark(line.values, marked, x, y, height),
  );
}

/** @param {number} y @param {string} label @param {number} width */
function gridLine(y, label, width) {
  return [
    svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT + 4, y1: y, y2: y }),
    svg("text", { class: "tick", x: LEFT - 8, y: y + 4, "text-anchor": "end" }, label),
  ];
}

/** @typedef {(value: number) => number} Scale */

/** @param {(number | null)[]} values @param {Scale} x @param {Scale} y @returns {string} */
function pathOf(values, x, y) {
  const at = (/** @type {number} */ k) => `${x(k).toFixed(1)} ${y(Number(values[k])).toFixed(1)}`;
  return values
    .map((value, k) =>
      value === null ? "" : `${k > 0 && values[k - 1] !== null ? "L" : "M"}${at(k)}`,
    )
    .join("");
}

/** Values without neighbours would be invisible in a line. @param {(number | null)[]} values @param {Scale} x @param {Scale} y */
function dots(values, x, y) {
  return values.flatMap((value, k) => {
    const alone =
      value !== null && (values[k - 1] ?? null) === null && (values[k + 1] ?? null) === null;
    return alone ? [svg("circle", { class: "dot", cx: x(k), cy: y(value), r: 2.5 })] : [];
  });
}

/** A cross at the foot for each round without a value. @param {(number | null)[]} values @param {Scale} x @param {number} height */
function gaps(values, x, height) {
  const y = height - BOTTOM;
  return values.flatMap((value, k) =>
    value === null ? [svg("path", { class: "gap", d: `M${x(k) - 3} ${y - 3}l6 6m0-6l-6 6` })] : [],
  );
}

/** @param {(number | null)[]} values @param {number | null} k @param {Scale} x @param {Scale} y @param {number} height */
function mark(values, k, x, y, height) {
  if (k === null) return [];
  const value = values[k];
  const rule = svg("line", { class: "rule", x1: x(k), x2: x(k), y1: TOP, y2: height - BOTTOM });
  return value === null
    ? [rule]
    : [rule, svg("circle", { class: "dot", cx: x(k), cy: y(value), r: 4 })];
}
