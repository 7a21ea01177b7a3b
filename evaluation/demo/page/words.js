/** What event types are called. An operator may have added types of their own. */

/** @import { HistoryEvent, Item } from "./types.js" */

/** @type {Record<string, {act: string, done: string, because: string}>} */
const KNOWN = {
  view: { act: "View", done: "Viewed", because: "viewed" },
  cart: { act: "Cart", done: "In the cart", because: "wanted" },
  purchase: { act: "Buy", done: "Bought", because: "bought" },
  rating: { act: "Rate", done: "Rated", because: "rated" },
};

/**
 * @param {string} type
 * @returns {{act: string, done: string, because: string}} button, past event, "because you …"
 */
export function wordsOf(type) {
  if (Object.hasOwn(KNOWN, type)) return KNOWN[type];
  return { act: type, done: type, because: `(${type})` };
}

/**
 * What is held out: the last purchase, or the last item where nothing is bought.
 * @param {string[]} eventTypes
 * @returns {string}
 */
export function heldOutWord(eventTypes) {
  return eventTypes.includes("purchase") ? "purchase" : "item";
}

/**
 * Item id -> the weightiest type among its events; types come in order of weight.
 * @param {HistoryEvent[]} history
 * @param {string[]} eventTypes
 * @returns {Map<string, string>}
 */
export function strongestTypes(history, eventTypes) {
  /** @type {Map<string, string>} */
  const strongest = new Map();
  for (const { item, type } of history) {
    const known = strongest.get(item.id);
    if (known === undefined || eventTypes.indexOf(type) > eventTypes.indexOf(known)) {
      strongest.set(item.id, type);
    }
  }
  return strongest;
}

/** @param {Item} item @returns {string} brand and categories in one line */
export function describe(item) {
  return [item.brand, item.categories.slice(-2).join(", ")].filter(Boolean).join(" · ");
}
