/** What moved between two lists of recommendations. */

/** @import { Recommendation } from "./types.js" */

/** @typedef {{kind: "new" | "up" | "down" | "same", by: number}} Move */

/**
 * @param {Recommendation[]} before
 * @param {Recommendation[]} after
 * @returns {Map<string, Move>} by item id, for every item of `after`
 */
export function movesBetween(before, after) {
  const was = new Map(before.map((r, rank) => [r.item.id, rank]));
  return new Map(after.map((r, rank) => [r.item.id, moveOf(was.get(r.item.id), rank)]));
}

/**
 * @param {number | undefined} was
 * @param {number} is
 * @returns {Move}
 */
function moveOf(was, is) {
  if (was === undefined) return { kind: "new", by: 0 };
  if (was === is) return { kind: "same", by: 0 };
  return was > is ? { kind: "up", by: was - is } : { kind: "down", by: is - was };
}

/**
 * @param {Map<string, Move>} moves
 * @returns {string} for instance "2 new, 3 up, 1 down"
 */
export function summarise(moves) {
  const kinds = [...moves.values()].map((move) => move.kind);
  const parts = /** @type {const} */ (["new", "up", "down"])
    .map((kind) => [kinds.filter((k) => k === kind).length, kind])
    .filter(([count]) => count)
    .map(([count, kind]) => `${count} ${kind}`);
  return parts.join(", ") || "no place changed";
}

/**
 * Tops of the rows in the list, by item id.
 * @param {HTMLElement} list
 * @returns {Map<string, number>}
 */
export function positions(list) {
  return new Map(rowsOf(list).map((row) => [row.dataset.item ?? "", row.offsetTop]));
}

/**
 * Let rows glide from where they were. Does nothing for those who asked for less motion.
 * @param {HTMLElement} list
 * @param {Map<string, number>} was of `positions`, before the list changed
 */
export function glide(list, was) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const row of rowsOf(list)) {
    const top = was.get(row.dataset.item ?? "");
    const from =
      top === undefined ? { opacity: 0 } : { transform: `translateY(${top - row.offsetTop}px)` };
    row.animate([from, {}], { duration: 420, easing: "cubic-bezier(0.2, 0.8, 0.2, 1)" });
  }
}

/** @param {HTMLElement} list @returns {HTMLElement[]} */
function rowsOf(list) {
  return /** @type {HTMLElement[]} */ ([...list.children]);
}
