/** A small picture for an item that has none: folded shapes, coloured by category, drawn from its id. */

/** @import { Item } from "./types.js" */

import { svg } from "./elements.js";

const SHAPES = [
  ["M0 0h20v40H0z", "M20 0l20 20-20 20z"],
  ["M0 20h40v20H0z", "M20 0a20 20 0 0 1 20 20H0A20 20 0 0 1 20 0"],
  ["M0 0l20 20L0 40z", "M40 0 20 20l20 20z"],
  ["M20 20h20v20H20z", "M0 20A20 20 0 0 1 20 0v20z"],
  ["M0 40 40 0v40z", "M20 20h20v20H20z"],
  ["M0 0h40L20 20z", "M20 20a10 10 0 1 1 0 20 10 10 0 0 1 0-20"],
];

/** FNV-1a, 32 bits. @param {string} text @returns {number} */
function hash(text) {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  }
  return state >>> 0;
}

/**
 * @param {Item} item
 * @returns {SVGSVGElement}
 */
export function itemTile(item) {
  const seed = hash(item.id);
  const [mid, deep] = SHAPES[seed % SHAPES.length];
  const turn = `rotate(${90 * ((seed >>> 8) % 4)} 20 20)`;
  const tile = svg(
    "svg",
    { class: "tile", viewBox: "0 0 40 40", "aria-hidden": "true" },
    svg("rect", { class: "tile-ground", width: 40, height: 40 }),
    svg(
      "g",
      { transform: turn },
      svg("path", { class: "tile-mid", d: mid }),
      svg("path", { class: "tile-deep", d: deep }),
    ),
  );
  // The same hue for a category everywhere: items of one kind look alike.
  tile.style.setProperty("--hue", String((hash(item.categories[0] ?? "") % 12) * 30));
  return tile;
}
