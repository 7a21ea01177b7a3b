/** The page: asks the device process, hands documents to the panels, and polls while visible. */

/** @import { Item, Shopper, ShopperEntry, Summary } from "./types.js" */

import { getRounds, getShopper, getShoppers, getSummary, postEvent, Unanswered } from "./api.js";
import { DevicePanel } from "./device_panel.js";
import { byId } from "./elements.js";
import { showFacts } from "./facts.js";
import { number } from "./formats.js";
import { showHeldOut } from "./held_out_panel.js";
import { movesBetween, summarise } from "./moves.js";
import { pollWhileVisible } from "./polling.js";
import { showResults } from "./results_panel.js";
import { RoundsPanel } from "./rounds_panel.js";
import { showService } from "./service_panel.js";
import { ShopperPicker } from "./shopper_picker.js";
import { wordsOf } from "./words.js";

const POLL_MS = 2000;

const alarm = byId("alarm");
const device = new DevicePanel(byId("device"), act);
const rounds = new RoundsPanel(byId("rounds"));
const picker = new ShopperPicker(byId("picker"), (id) => {
  location.hash = encodeURIComponent(id);
});

/** @type {Summary | null} */
let summary = null;
/** @type {ShopperEntry[]} */
let shoppers = [];
/** @type {Shopper | null} */
let shopper = null;
/** The model version that was current when the shopper was asked for. @type {number | null} */
let rankedBy = null;
/** Counts what was asked for, so that a late answer never replaces a newer one. */
let asked = 0;
let acting = false;

/**
 * Run work and show its failure, if any, at the top of the page.
 * @param {() => Promise<void>} work
 */
async function guarded(work) {
  try {
    await work();
    alarm.hidden = true;
  } catch (error) {
    if (!(error instanceof Unanswered)) throw error;
    alarm.textContent = error.message;
    alarm.hidden = false;
  }
}

/** The shopper of the address, else the first. @returns {string | undefined} */
function chosenId() {
  const id = decoded(location.hash.slice(1));
  return shoppers.some((s) => s.id === id) ? id : shoppers[0]?.id;
}

/** @param {string} text @returns {string} empty when it is no percent-encoded UTF-8 */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

async function refreshSummary() {
  const fresh = await getSummary();
  if (JSON.stringify(fresh) === JSON.stringify(summary)) return;
  summary = fresh;
  showFacts(fresh);
  showResults(byId("results"), fresh);
}

async function loadShopper() {
  const id = chosenId();
  if (id === undefined || !summary) return;
  const ticket = ++asked;
  picker.setChosen(id);
  rankedBy = summary.model_version;
  const answer = await getShopper(id);
  if (ticket === asked) showLoaded(answer, summary);
}

/** @param {Shopper} answer @param {Summary} current */
function showLoaded(answer, current) {
  if (shopper?.id === answer.id) {
    const moves = movesBetween(shopper.recommendations, answer.recommendations);
    const what = `Model version ${number(answer.model_version)} arrived: ${summarise(moves)}.`;
    device.showMoved(answer, current, moves, {
      what,
      more: "The device ranked anew.",
      fresh: false,
    });
  } else {
    device.show(answer, current);
    device.scrollToTop();
  }
  shopper = answer;
  showBeside(answer, current);
}

/** @param {Shopper} answer @param {Summary} current */
function showBeside(answer, current) {
  showService(byId("service"), answer);
  showHeldOut(byId("held-out"), answer, current);
}

/**
 * The shopper does something with an item, on the device.
 * @param {Item} item
 * @param {string} type
 */
async function act(item, type) {
  if (acting || !shopper) return;
  acting = true;
  device.setBusy(true);
  const ticket = ++asked;
  try {
    const started = performance.now();
    const answer = await postEvent(shopper.id, item.id, type);
    if (ticket === asked) showActed(item, type, answer, performance.now() - started);
  } catch (error) {
    if (!(error instanceof Unanswered)) throw error;
    device.showRefusal(error.message);
  } finally {
    acting = false;
    device.setBusy(false);
  }
}

/** @param {Item} item @param {string} type @param {Shopper} answer @param {number} took_ms */
function showActed(item, type, answer, took_ms) {
  if (!summary || !shopper) return;
  const moves = movesBetween(shopper.recommendations, answer.recommendations);
  const done = wordsOf(type).done.toLowerCase();
  const what = `${item.title}: ${done}.`;
  const more = `Ranked anew in ${number(took_ms)} ms: ${summarise(moves)}. Nothing was sent to the service.`;
  shopper = answer;
  device.showMoved(answer, summary, moves, { what, more, fresh: true });
  showBeside(answer, summary);
}

async function poll() {
  await guarded(async () => {
    if (!shoppers.length) await start();
    else await refreshSummary();
    rounds.show(await getRounds());
    // A newer model moves every row, and so the recommendations.
    if (!acting && (!shopper || summary?.model_version !== rankedBy)) await loadShopper();
  });
}

async function start() {
  await refreshSummary();
  shoppers = await getShoppers();
  picker.setShoppers(shoppers);
  await loadShopper();
}

addEventListener("hashchange", () => guarded(loadShopper));
pollWhileVisible(poll, POLL_MS);
