/** Where each model ranks the item that was kept from the device, on a logarithmic axis. */

/** @import { HeldOut, Shopper, Summary } from "./types.js" */

import { el, svg } from "./elements.js";
import { number } from "./formats.js";
import { itemTile } from "./item_tile.js";
import { describe, heldOutWord } from "./words.js";

const STAGES = /** @type {const} */ ([
  ["before", "before the rounds"],
  ["after", "after the rounds"],
  ["adapted", "adapted on the device"],
]);
const WIDTH = 300;
const ROW = 42;

/**
 * @param {HTMLElement} root
 * @param {Shopper} shopper
 * @param {Summary} summary
 */
export function showHeldOut(root, { held_out: heldOut }, summary) {
  const what = heldOutWord(summary.event_types);
  root.replaceChildren(el("h3", { id: "held-out-title" }, `The hidden ${what}`));
  if (!heldOut) {
    root.append(el("p", { class: "note" }, `No ${what} of this shopper was held out.`));
    return;
  }
  const { item, n_candidates } = heldOut;
  root.append(
    el(
      "div",
      { class: "hidden-item" },
      itemTile(item),
      el(
        "div",
        {},
        el("p", { class: "item-title" }, item.title),
        el("p", { class: "item-about" }, describe(item)),
      ),
    ),
    el(
      "p",
      { class: "note" },
      `This shopper’s last ${what}, kept from the device. Its rank among the ${number(n_candidates)} items that this shopper never touched (shaded: the first ten):`,
    ),
    track(heldOut),
  );
}

/** @param {HeldOut} heldOut */
function track(heldOut) {
  const height = STAGES.length * ROW + 22;
  const label = STAGES.map(([name, text]) => `${number(heldOut.rank[name], 1)} ${text}`).join(", ");
  const n = Math.max(heldOut.n_candidates, 10);
  return svg(
    "svg",
    {
      class: "chart rank-track",
      viewBox: `0 0 ${WIDTH} ${height}`,
      role: "img",
      "aria-label": `Ranks: ${label}.`,
    },
    svg("rect", { class: "zone", x: 0, y: 0, width: at(10.5, n), height: height - 20, rx: 4 }),
    ...STAGES.map(([name, text], k) => stage(name, text, heldOut.rank[name], k, n)),
    ...ticks(n, height),
  );
}

/** Horizontal place of a rank. @param {number} rank @param {number} n */
function at(rank, n) {
  return 8 + (WIDTH - 16) * (Math.log(Math.max(1, Math.min(rank, n))) / Math.log(n));
}

/** @param {string} name @param {string} text @param {number} rank @param {number} k @param {number} n */
function stage(name, text, rank, k, n) {
  const y = k * ROW + 30;
  return svg(
    "g",
    { class: `stage-${name}` },
    svg(
      "text",
      { class: "strong", x: 8, y: y - 13 },
      number(rank, 1),
      svg("tspan", { class: "quiet", dx: 6 }, text),
    ),
    svg("line", { class: "rail", x1: 8, x2: WIDTH - 8, y1: y, y2: y }),
    svg("line", { class: "reach", x1: 8, x2: at(rank, n), y1: y, y2: y }),
    svg("circle", { class: "dot", cx: at(rank, n), cy: y, r: 5 }),
  );
}

/** @param {number} n @param {number} height */
function ticks(n, height) {
  const powers = [1, 10, 100, 1000, 10_000, 100_000].filter((p) => p === 1 || p < n / 2.5);
  return [...powers, n].map((rank, k) => {
    const anchor = k === 0 ? "start" : rank === n ? "end" : "middle";
    const x = k === 0 ? 8 : at(rank, n);
    return svg(
      "text",
      { class: "tick", x: rank === n ? WIDTH - 8 : x, y: height - 4, "text-anchor": anchor },
      number(rank),
    );
  });
}
