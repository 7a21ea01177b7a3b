/** The history on the device, newest first, by day. */

/** @import { HistoryEvent, Shopper } from "./types.js" */

import { el } from "./elements.js";
import { clock, day, number } from "./formats.js";
import { icon } from "./icons.js";
import { itemTile } from "./item_tile.js";
import { wordsOf } from "./words.js";

const DECIDED = new Set(["cart", "purchase"]);

/**
 * @param {Shopper} shopper
 * @param {boolean} fresh the newest event was recorded just now
 * @returns {HTMLElement[]}
 */
export function historyRows(shopper, fresh) {
  /** @type {HTMLElement[]} */
  const rows = [];
  let shown = "";
  shopper.history.forEach((event, k) => {
    const today = event.at ? day(event.at) : "";
    if (today !== shown) rows.push(el("li", { class: "day" }, today));
    shown = today;
    rows.push(eventRow(event, fresh && k === 0));
  });
  const more = shopper.n_events - shopper.history.length;
  if (more > 0) rows.push(el("li", { class: "day more" }, `and ${number(more)} older ones`));
  if (!rows.length)
    rows.push(el("li", { class: "empty" }, "Nothing yet. View something on the left."));
  return rows;
}

/** @param {HistoryEvent} event @param {boolean} fresh */
function eventRow({ item, type, at }, fresh) {
  return el(
    "li",
    { class: fresh ? "event fresh" : "event" },
    itemTile(item),
    el("p", { class: "item-title", title: item.title }, item.title),
    el(
      "p",
      { class: DECIDED.has(type) ? "event-about strong" : "event-about" },
      icon(type),
      wordsOf(type).done,
      at && el("time", { datetime: at }, fresh ? "just now" : clock(at)),
    ),
  );
}
