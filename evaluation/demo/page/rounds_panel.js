/** The rounds: a chart of all, a table of the latest. */

/** @import { Round } from "./types.js" */

import { el } from "./elements.js";
import { exactClock, fixed, number } from "./formats.js";
import { RoundsChart } from "./rounds_chart.js";

const LATEST = 8;
const COLUMNS = ["Round", "Phase", "Accepted", "Requests per update", "Loss", "Hits@10", "Ended"];

export class RoundsPanel {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.chart = new RoundsChart();
    this.body = el("tbody");
    this.shown = "";
    this.empty = el(
      "p",
      { class: "empty" },
      "No round yet. Rounds appear as the devices check in.",
    );
    this.content = el(
      "div",
      { class: "rounds-content", hidden: true },
      this.chart.root,
      this.makeTable(),
    );
    root.replaceChildren(this.empty, this.content);
  }

  makeTable() {
    const note =
      "Each device measures the model it received on its own last events, before it trains; the figures are means over the round’s devices.";
    return el(
      "div",
      { class: "rounds-table" },
      el(
        "table",
        { class: "figures" },
        el("caption", { class: "visually-hidden" }, "The latest rounds"),
        el("thead", {}, el("tr", {}, ...COLUMNS.map((name) => el("th", { scope: "col" }, name)))),
        this.body,
      ),
      el("p", { class: "note" }, note),
    );
  }

  /** @param {Round[]} rounds newest first */
  show(rounds) {
    const state = JSON.stringify(rounds);
    if (state === this.shown) return;
    this.shown = state;
    this.empty.hidden = rounds.length > 0;
    this.content.hidden = rounds.length === 0;
    this.chart.show(rounds);
    this.body.replaceChildren(...rounds.slice(0, LATEST).map(row));
  }
}

/** @param {Round} round */
function row(round) {
  const phase = el("span", { class: `phase ${round.phase}` }, round.phase);
  const why = round.reason ? el("span", { class: "why" }, round.reason.replaceAll("_", " ")) : null;
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, String(round.id)),
    el("td", { class: "wide" }, phase, why),
    el(
      "td",
      {},
      number(round.accepted),
      el("span", { class: "of" }, ` of ${number(round.granted)}`),
    ),
    el("td", {}, fixed(round.requests_per_update, 2)),
    el("td", {}, fixed(round.metrics?.loss, 3)),
    el("td", {}, fixed(round.metrics?.hits_at_10, 3)),
    el(
      "td",
      {},
      round.ended_at && el("time", { datetime: round.ended_at }, exactClock(round.ended_at)),
    ),
  );
}
