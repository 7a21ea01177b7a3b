/** The other side: what the service holds about the shopper, which for a device user is nothing. */

/** @import { Shopper } from "./types.js" */

import { bar, el } from "./elements.js";
import { counted, number } from "./formats.js";
import { icon } from "./icons.js";

/**
 * @param {HTMLElement} root
 * @param {Shopper} shopper
 */
export function showService(root, shopper) {
  const title = el(
    "h3",
    { id: "service-title" },
    icon("server"),
    "What the service holds about this shopper",
  );
  root.replaceChildren(title, ...answerOf(shopper), ...crossings(shopper));
}

/** @param {Shopper} shopper @returns {HTMLElement[]} */
function answerOf({ service_view: view, n_events }) {
  if (!view) {
    const calm =
      "The service does not answer just now. The recommendations still come: the device makes them.";
    return [el("p", { class: "away" }, calm)];
  }
  return [
    el("p", { class: "note" }, "Asked for this shopper, it answered:"),
    el("pre", { class: "answer" }, JSON.stringify(view, null, 2)),
    compared(n_events, view.events),
    (view.mode !== "device" || view.events > 0) &&
      el("p", { class: "exposed" }, verdict(view.mode, view.events)),
  ].filter((part) => part !== false);
}

/** @param {string} mode @param {number} events @returns {string} */
function verdict(mode, events) {
  return `This shopper is in mode ${mode}; the service holds ${counted(events, "event")}.`;
}

/** @param {number} device @param {number} service */
function compared(device, service) {
  const most = Math.max(device, service, 1);
  return el(
    "dl",
    { class: "compared" },
    el("dt", {}, "Events on the device"),
    el("dd", {}, bar(device / most, "device-bar-track"), number(device)),
    el("dt", {}, "Events at the service"),
    el("dd", {}, bar(service / most, "service-bar-track"), number(service)),
  );
}

/** @param {Shopper} shopper @returns {HTMLElement[]} */
function crossings({ model_version }) {
  return [
    el("h4", {}, "What does cross"),
    el(
      "ul",
      { class: "crossings" },
      el(
        "li",
        {},
        icon("down"),
        el(
          "span",
          {},
          el("b", {}, "The model"),
          `, version ${number(model_version)}: the same for everybody.`,
        ),
      ),
      el(
        "li",
        {},
        icon("up"),
        el(
          "span",
          {},
          el("b", {}, "An update"),
          ", when a round invites this device: numbers on a grid, no event list, deleted when the round ends.",
        ),
      ),
    ),
    el(
      "p",
      { class: "note" },
      "The updates of this demo are not masked: whoever runs the service could still read from one which items it was trained on.",
    ),
  ];
}
