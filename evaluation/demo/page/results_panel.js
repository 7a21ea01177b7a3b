/** How well each model finds the held-out items: a table and two bar charts. */

/** @import { Quality, Summary } from "./types.js" */

import { barChart } from "./bar_chart.js";
import { el } from "./elements.js";
import { fixed, number } from "./formats.js";
import { redrawOnResize } from "./resizing.js";
import { heldOutWord } from "./words.js";

const SHORT = { popular: "Popular", before: "Before", after: "After", adapted: "Adapted" };
const METRICS = /** @type {const} */ (["ndcg@10", "hr@10"]);

/**
 * @param {HTMLElement} root
 * @param {Summary} summary
 */
export function showResults(root, summary) {
  if (!summary.results.length) {
    root.replaceChildren(el("p", { class: "empty" }, "Measured when the rounds are over."));
    return;
  }
  const note = `Each shopper’s last ${heldOutWord(summary.event_types)} was kept from training. Every model then ranked it among all items that the shopper had never touched; ${number(summary.evaluated)} shoppers were evaluated.`;
  root.replaceChildren(
    el("div", { class: "results-text" }, el("p", { class: "note" }, note), table(summary.results)),
    charts(summary.results),
  );
}

/** @param {Quality[]} results */
function table(results) {
  const popular = results.find((r) => r.name === "popular")?.["ndcg@10"] ?? 0;
  const heads = ["Model", "NDCG@10", "HR@10", "×\u00a0popular"];
  return el(
    "table",
    { class: "figures" },
    el("caption", { class: "visually-hidden" }, "Quality of the four models"),
    el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, ...results.map((r) => row(r, popular))),
  );
}

/** @param {Quality} result @param {number} popular */
function row(result, popular) {
  const ratio = popular > 0 ? fixed(result["ndcg@10"] / popular, 2) : "–";
  const swatch = el("span", { class: `swatch stage-${result.name}`, "aria-hidden": "true" });
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, swatch, result.label),
    el("td", {}, fixed(result["ndcg@10"], 3)),
    el("td", {}, fixed(result["hr@10"], 3)),
    el("td", {}, ratio),
  );
}

/** @param {Quality[]} results */
function charts(results) {
  const most = Math.max(0.01, ...results.flatMap((r) => METRICS.map((metric) => r[metric])));
  const figures = METRICS.map((metric) => {
    const canvas = el("div", { class: "canvas" });
    const bars = results.map((r) => ({
      name: r.name,
      short: SHORT[r.name] ?? r.name,
      value: r[metric],
    }));
    const title = metric.toUpperCase();
    redrawOnResize(canvas, (width) => barChart(title, bars, most, width));
    return el("figure", {}, el("figcaption", {}, title), canvas);
  });
  return el("div", { class: "results-charts" }, ...figures);
}
