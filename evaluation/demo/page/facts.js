/** The demo in figures, under the title and in the footer. */

/** @import { Summary } from "./types.js" */

import { byId, el } from "./elements.js";
import { fixed, number } from "./formats.js";

/** @param {Summary} summary */
export function showFacts(summary) {
  const facts = [
    ["Shoppers", number(summary.shoppers)],
    ["Items", number(summary.items)],
    ["Rounds", number(summary.rounds)],
    ["Updates", number(summary.updates)],
    ["Requests per update", fixed(summary.requests_per_update, 2)],
    ["Model version", number(summary.model_version)],
  ];
  byId("facts").replaceChildren(
    ...facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
  byId("shop-name").textContent = summary.name;
  byId("service-url").textContent = summary.service_url;
}
