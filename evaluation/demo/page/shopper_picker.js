/** A searchable list of shoppers (ARIA combobox with a list box), with previous and next. */

/** @import { ShopperEntry } from "./types.js" */

import { el } from "./elements.js";
import { counted, number } from "./formats.js";
import { icon } from "./icons.js";

export class ShopperPicker {
  /**
   * @param {HTMLElement} root
   * @param {(id: string) => void} onPick
   */
  constructor(root, onPick) {
    this.onPick = onPick;
    /** @type {ShopperEntry[]} */
    this.shoppers = [];
    /** @type {ShopperEntry[]} */
    this.matches = [];
    this.chosen = -1;
    this.active = -1;
    this.position = el("span", { class: "picker-position" });
    this.input = this.makeInput();
    this.list = el("ul", {
      id: "shopper-list",
      role: "listbox",
      "aria-label": "Shoppers",
      hidden: true,
    });
    const combo = el("div", { class: "combo" }, icon("search"), this.input, this.list);
    root.replaceChildren(
      this.position,
      this.makeStep("previous", -1),
      combo,
      this.makeStep("next", 1),
    );
  }

  makeInput() {
    return el("input", {
      id: "shopper-search",
      type: "text",
      role: "combobox",
      "aria-label": "Shopper, search by name",
      "aria-autocomplete": "list",
      "aria-controls": "shopper-list",
      "aria-expanded": "false",
      autocomplete: "off",
      spellcheck: "false",
      focus: () => this.input.select(),
      click: () => this.open(""),
      input: () => this.open(this.input.value),
      blur: () => this.close(),
      keydown: (/** @type {KeyboardEvent} */ event) => this.onKey(event),
    });
  }

  /** @param {"previous" | "next"} name @param {number} by */
  makeStep(name, by) {
    const label = name === "previous" ? "Previous shopper" : "Next shopper";
    const click = () => this.step(by);
    return el(
      "button",
      { class: "step", type: "button", "aria-label": label, title: label, click },
      icon(name),
    );
  }

  /** @param {ShopperEntry[]} shoppers */
  setShoppers(shoppers) {
    this.shoppers = shoppers;
  }

  /** Show which shopper the page is about. @param {string} id */
  setChosen(id) {
    this.chosen = this.shoppers.findIndex((s) => s.id === id);
    if (this.list.hidden) this.showChosen();
    this.position.textContent = `${number(this.chosen + 1)} of ${number(this.shoppers.length)}`;
  }

  /** @param {number} by */
  step(by) {
    const { length } = this.shoppers;
    if (length) this.onPick(this.shoppers[(this.chosen + by + length) % length].id);
  }

  /** @param {string} typed */
  open(typed) {
    const wanted = typed.trim().toLowerCase();
    this.matches = this.shoppers.filter((s) =>
      `${s.label}\n${s.id}`.toLowerCase().includes(wanted),
    );
    this.list.replaceChildren(...this.matches.map((s, k) => this.option(s, k)));
    if (!this.matches.length) {
      this.list.append(el("li", { class: "nobody", role: "presentation" }, "Nobody of that name"));
    }
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.activate(wanted ? 0 : this.matches.indexOf(this.shoppers[this.chosen]));
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    this.showChosen();
  }

  showChosen() {
    this.input.value = this.shoppers[this.chosen]?.label ?? "";
  }

  /** @param {ShopperEntry} shopper @param {number} k */
  option(shopper, k) {
    const selected = String(shopper === this.shoppers[this.chosen]);
    return el(
      "li",
      {
        id: `shopper-option-${k}`,
        role: "option",
        "aria-selected": selected,
        // Before the input's blur, which would close the list under the pointer.
        mousedown: (/** @type {MouseEvent} */ event) => event.preventDefault(),
        click: () => this.pick(k),
      },
      el("span", {}, shopper.label),
      el("span", {}, counted(shopper.n_events, "event")),
    );
  }

  /** @param {number} k */
  activate(k) {
    this.list.querySelector(".active")?.classList.remove("active");
    this.active = Math.min(k, this.matches.length - 1);
    const option = this.list.children[this.active];
    if (!option || !this.matches.length)
      return void this.input.removeAttribute("aria-activedescendant");
    option.classList.add("active");
    option.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", option.id);
  }

  /** @param {number} k */
  pick(k) {
    const shopper = this.matches[k];
    if (!shopper) return;
    this.close();
    this.input.value = shopper.label;
    this.onPick(shopper.id);
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const last = this.matches.length - 1;
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowDown: () => this.activate(this.active >= last ? 0 : this.active + 1),
      ArrowUp: () => this.activate(this.active <= 0 ? last : this.active - 1),
      PageDown: () => this.activate(this.active + 8),
      PageUp: () => this.activate(Math.max(0, this.active - 8)),
      Enter: () => this.pick(this.active),
      Escape: () => this.close(),
    };
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    if (this.list.hidden) {
      if (event.key.startsWith("Arrow")) this.open("");
      return;
    }
    keys[event.key]();
  }
}
