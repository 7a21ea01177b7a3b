/** The shopper's device: what it recommends and why, and the history that stays on it. */

/** @import { Shopper, Summary } from "./types.js" */
/** @import { Act } from "./recommendation_list.js" */
/** @import { Move } from "./moves.js" */

import { el } from "./elements.js";
import { counted, number } from "./formats.js";
import { historyRows } from "./history_list.js";
import { icon } from "./icons.js";
import { glide, positions } from "./moves.js";
import { overlap, popularRows, recommendationRows } from "./recommendation_list.js";

const HINT =
  "Try a button: the device records it and ranks anew at once. Nothing is sent to the service.";

export class DevicePanel {
  /**
   * @param {HTMLElement} root
   * @param {Act} onAct
   */
  constructor(root, onAct) {
    this.root = root;
    this.onAct = onAct;
    this.owner = el("span", { class: "device-owner" });
    this.version = el("span", { class: "device-version" });
    this.status = el("p", { class: "status", role: "status" }, HINT);
    this.recommended = el("ol", { class: "rows" });
    this.overlap = el("p", { class: "status" });
    this.popular = el("ol", { class: "rows" });
    this.count = el("span", { class: "count" });
    this.folder = el("code", { class: "folder" });
    this.history = el("ol", { class: "rows" });
    this.tabs = [
      this.makeTab("for-you", "For you", this.status, this.recommended),
      this.makeTab("popular", "Most popular", this.overlap, this.popular),
    ];
    root.replaceChildren(
      this.makeBar(),
      el("div", { class: "panes" }, this.makeLists(), this.makeHistory()),
    );
    this.select(0);
  }

  makeBar() {
    const title = el("h3", { id: "device-title" }, icon("phone"), "On the device");
    return el("header", { class: "device-bar" }, title, this.owner, this.version);
  }

  /** @param {string} id @param {string} label @param {HTMLElement} note @param {HTMLElement} rows */
  makeTab(id, label, note, rows) {
    const k = id === "for-you" ? 0 : 1;
    const tab = el("button", {
      class: "tab",
      type: "button",
      role: "tab",
      id: `tab-${id}`,
      "aria-controls": `panel-${id}`,
      click: () => this.select(k),
      keydown: (/** @type {KeyboardEvent} */ event) => this.onTabKey(event, k),
    });
    tab.append(label);
    const props = {
      class: "scroll",
      id: `panel-${id}`,
      role: "tabpanel",
      tabindex: 0,
      "aria-labelledby": tab.id,
    };
    return { tab, note, panel: el("div", props, rows) };
  }

  makeLists() {
    const [mine, popular] = this.tabs;
    const tabs = el(
      "div",
      { class: "tabs", role: "tablist", "aria-label": "Which list" },
      mine.tab,
      popular.tab,
    );
    const head = el("div", { class: "pane-head" }, tabs);
    return el(
      "section",
      { class: "pane", "aria-label": "Recommendations" },
      head,
      mine.note,
      popular.note,
      mine.panel,
      popular.panel,
    );
  }

  makeHistory() {
    const title = el("h4", { id: "history-title" }, "History ", this.count);
    const badge = el("span", { class: "badge" }, icon("lock"), "stays here");
    const scroll = {
      class: "scroll",
      role: "region",
      tabindex: 0,
      "aria-labelledby": "history-title",
    };
    return el(
      "section",
      { class: "pane history", "aria-labelledby": "history-title" },
      el("div", { class: "pane-head" }, title, badge),
      el("p", { class: "status" }, "Device folder ", this.folder),
      el("div", scroll, this.history),
    );
  }

  /** @param {number} chosen */
  select(chosen) {
    this.tabs.forEach(({ tab, note, panel }, k) => {
      tab.setAttribute("aria-selected", String(k === chosen));
      tab.tabIndex = k === chosen ? 0 : -1;
      panel.hidden = note.hidden = k !== chosen;
    });
  }

  /** @param {KeyboardEvent} event @param {number} k */
  onTabKey(event, k) {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    this.select(1 - k);
    this.tabs[1 - k].tab.focus();
  }

  /**
   * Another shopper, or the same one with a newer model.
   * @param {Shopper} shopper
   * @param {Summary} summary
   */
  show(shopper, summary) {
    this.status.textContent = HINT;
    this.fill(shopper, summary, new Map(), false);
  }

  /**
   * The same shopper after an event or with a newer model: rows glide to their new places.
   * @param {Shopper} shopper
   * @param {Summary} summary
   * @param {Map<string, Move>} moves
   * @param {{what: string, more: string, fresh: boolean}} news `fresh`: an event was just recorded
   */
  showMoved(shopper, summary, moves, { what, more, fresh }) {
    this.status.replaceChildren(el("strong", {}, what), ` ${more}`);
    const was = positions(this.recommended);
    this.fill(shopper, summary, moves, fresh);
    glide(this.recommended, was);
  }

  scrollToTop() {
    for (const scroll of this.root.querySelectorAll(".scroll")) scroll.scrollTop = 0;
  }

  /** @param {string} message */
  showRefusal(message) {
    this.status.replaceChildren(el("strong", { class: "refused" }, message));
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    this.root.setAttribute("aria-busy", String(busy));
  }

  /** @param {Shopper} shopper @param {Summary} summary @param {Map<string, Move>} moves @param {boolean} fresh */
  fill(shopper, summary, moves, fresh) {
    const focus = this.focusedAction();
    this.owner.textContent = shopper.label;
    this.version.textContent = `model version ${number(shopper.model_version)}`;
    this.count.textContent = counted(shopper.n_events, "event");
    this.folder.textContent = shopper.folder;
    this.overlap.textContent = overlap(shopper);
    this.recommended.replaceChildren(...recommendationRows(shopper, summary, moves, this.onAct));
    if (!shopper.recommendations.length) {
      this.recommended.append(
        el("li", { class: "empty" }, "Nothing to recommend until a model version is published."),
      );
    }
    this.popular.replaceChildren(...popularRows(shopper, summary));
    this.history.replaceChildren(...historyRows(shopper, fresh));
    this.restoreFocus(focus);
  }

  /** Where the keyboard is, if on a button of a row. @returns {{item: string, type: string, row: number} | null} */
  focusedAction() {
    const button = /** @type {HTMLElement | null} */ (document.activeElement);
    const row = button?.closest("li");
    if (!button || !row || row.parentElement !== this.recommended) return null;
    return {
      item: row.dataset.item ?? "",
      type: button.dataset.type ?? "",
      row: [...this.recommended.children].indexOf(row),
    };
  }

  /** The same button, or the one now in its place. @param {ReturnType<DevicePanel["focusedAction"]>} focus */
  restoreFocus(focus) {
    if (!focus) return;
    const rows = /** @type {HTMLElement[]} */ ([...this.recommended.children]);
    const row =
      rows.find((r) => r.dataset.item === focus.item) ?? rows[Math.min(focus.row, rows.length - 1)];
    const buttons = /** @type {HTMLElement[]} */ ([...row.querySelectorAll("button")]);
    buttons.find((b) => b.dataset.type === focus.type)?.focus({ preventScroll: true });
  }
}
