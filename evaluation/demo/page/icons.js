/** Line icons on a 16-pixel grid. */

import { svg } from "./elements.js";

const PATHS = {
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9M10.5 10.5l3 3",
  previous: "M10 3 5 8l5 5",
  next: "M6 3l5 5-5 5",
  lock: "M4 7.5h8v6H4zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5",
  view: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8M8 6.2a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6",
  cart: "M1.5 2.5H4l1.7 7.5h6.6l1.7-5.5H4.6M6.5 13.2v.1M11.5 13.2v.1",
  purchase: "M3 5.5h10l.8 8H2.2zM5.5 7V4.5a2.5 2.5 0 0 1 5 0V7",
  other: "M3 8.5 6.5 12 13 4.5",
  down: "M8 2.5v11M3.5 9 8 13.5 12.5 9",
  up: "M8 13.5v-11M3.5 7 8 2.5 12.5 7",
  server: "M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5v.1M5 11v.1",
  phone: "M4.5 1.5h7v13h-7zM7 12.5h2",
};

/**
 * @param {string} name an unknown one gives a tick
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const path = Object.hasOwn(PATHS, name)
    ? PATHS[/** @type {keyof typeof PATHS} */ (name)]
    : PATHS.other;
  const props = {
    class: "icon",
    viewBox: "0 0 16 16",
    width: 16,
    height: 16,
    "aria-hidden": "true",
  };
  return svg("svg", props, svg("path", { d: path }));
}
