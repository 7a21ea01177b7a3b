/** Recommended items, each with its reasons and with what the shopper can do. */

/** @import { Item, Reason, Recommendation, Shopper, Summary } from "./types.js" */
/** @import { Move } from "./moves.js" */

import { bar, el } from "./elements.js";
import { fixed, money, number } from "./formats.js";
import { icon } from "./icons.js";
import { itemTile } from "./item_tile.js";
import { describe, strongestTypes, wordsOf } from "./words.js";

/** @typedef {(item: Item, type: string) => void} Act */

/**
 * @param {Shopper} shopper
 * @param {Summary} summary
 * @param {Map<string, Move>} moves by item id; empty when nothing moved
 * @param {Act} onAct
 * @returns {HTMLElement[]} one list item per recommendation
 */
export function recommendationRows(shopper, summary, moves, onAct) {
  const types = strongestTypes(shopper.history, summary.event_types);
  const reasons = shopper.recommendations.map((r) => mergeReasons(r.because));
  const largest = Math.max(0, ...reasons.flat().map((r) => r.contribution));
  return shopper.recommendations.map((r, k) =>
    el(
      "li",
      { class: "rec", "data-item": r.item.id },
      rankOf(k, moves.get(r.item.id)),
      itemTile(r.item),
      titleOf(r, summary, shopper.popular),
      reasonList(reasons[k], types, largest),
      actions(r.item, summary.event_types, onAct),
    ),
  );
}

/**
 * One line per item: several events of one item add up, exactly.
 * @param {Reason[]} because
 * @returns {Reason[]} weightiest first
 */
function mergeReasons(because) {
  /** @type {Map<string, Reason>} */
  const merged = new Map();
  for (const { item, contribution } of because) {
    const sum = (merged.get(item.id)?.contribution ?? 0) + contribution;
    merged.set(item.id, { item, contribution: sum });
  }
  return [...merged.values()].sort((a, b) => b.contribution - a.contribution);
}

/** @param {number} k @param {Move | undefined} move */
function rankOf(k, move) {
  return el("div", { class: "rec-rank" }, el("span", {}, number(k + 1)), moveMark(move));
}

/** @param {Move | undefined} move */
function moveMark(move) {
  if (!move || move.kind === "same") return null;
  const sign = { new: "new", up: `↑${move.by}`, down: `↓${move.by}` }[move.kind];
  const spoken = move.kind === "new" ? "new in the list" : `${move.kind} by ${move.by}`;
  return el(
    "span",
    { class: `move ${move.kind}`, role: "img", "aria-label": spoken, title: spoken },
    sign,
  );
}

/** @param {Recommendation} recommendation @param {Summary} summary @param {Item[]} popular */
function titleOf({ item, score, source }, summary, popular) {
  const place = popular.findIndex((p) => p.id === item.id);
  return el(
    "div",
    { class: "rec-head" },
    el("p", { class: "item-title" }, item.title),
    el("p", { class: "rec-price" }, money(item.price, summary.currency)),
    el("p", { class: "item-about" }, describe(item)),
    el(
      "p",
      { class: "rec-score", title: "u · target + bias, computed on the device" },
      `score ${fixed(score, 2)}`,
    ),
    source !== "personal" && el("p", { class: "tag" }, source),
    place >= 0 && el("p", { class: "tag" }, `no. ${place + 1} of the most popular`),
  );
}

/** @param {Reason[]} reasons @param {Map<string, string>} types @param {number} largest */
function reasonList(reasons, types, largest) {
  if (!reasons.length) return null;
  return el(
    "div",
    { class: "reasons" },
    el("p", { class: "reasons-head" }, "because you"),
    el("ul", {}, ...reasons.map((r) => reasonRow(r, types.get(r.item.id) ?? "view", largest))),
  );
}

/** @param {Reason} reason @param {string} type @param {number} largest */
function reasonRow({ item, contribution }, type, largest) {
  const share = largest > 0 ? contribution / largest : 0;
  return el(
    "li",
    { class: "reason" },
    el(
      "span",
      { class: "reason-text", title: item.title },
      `${wordsOf(type).because} `,
      el("b", {}, item.title),
    ),
    bar(share, "device-bar-track"),
    el("span", { class: "reason-share", title: "its part of the score" }, fixed(contribution, 2)),
  );
}

/** @param {Item} item @param {string[]} eventTypes @param {Act} onAct */
function actions(item, eventTypes, onAct) {
  const buttons = eventTypes.map((type) => {
    const { act } = wordsOf(type);
    const props = {
      class: "act",
      type: "button",
      "data-type": type,
      "aria-label": `${act}: ${item.title}`,
    };
    return el("button", { ...props, click: () => onAct(item, type) }, icon(type), act);
  });
  return el("div", { class: "actions" }, ...buttons);
}

/**
 * What can be shown without knowing anybody’s taste, to compare with.
 * @param {Shopper} shopper
 * @param {Summary} summary
 * @returns {HTMLElement[]}
 */
export function popularRows(shopper, summary) {
  const mine = new Map(shopper.recommendations.map((r, k) => [r.item.id, k + 1]));
  return shopper.popular.map((item, k) => {
    const place = mine.get(item.id);
    return el(
      "li",
      { class: "rec popular" },
      el("div", { class: "rec-rank" }, number(k + 1)),
      itemTile(item),
      el(
        "div",
        { class: "rec-head" },
        el("p", { class: "item-title" }, item.title),
        el("p", { class: "rec-price" }, money(item.price, summary.currency)),
        el("p", { class: "item-about" }, describe(item)),
        place !== undefined && el("p", { class: "tag own" }, `no. ${place} for this shopper`),
      ),
    );
  });
}

/** @param {Shopper} shopper @returns {string} */
export function overlap(shopper) {
  const popular = new Set(shopper.popular.map((item) => item.id));
  const shared = shopper.recommendations.filter((r) => popular.has(r.item.id)).length;
  const are = shared === 1 ? "is" : "are";
  return `What can be shown without knowing anybody’s taste. ${number(shared)} of these ${are} also in “For you”.`;
}
