/** The page server's JSON. */

/** @import { Round, Shopper, ShopperEntry, Summary } from "./types.js" */

const DEADLINE_MS = 20_000;

/** A request that was refused or not answered; `message` is fit to be shown. */
export class Unanswered extends Error {
  /** @param {string} message @param {number} status 0 when no answer came */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<any>}
 */
async function request(path, init = {}) {
  const response = await fetch(path, { ...init, signal: AbortSignal.timeout(DEADLINE_MS) }).catch(
    () => {
      throw new Unanswered("The demo’s device process does not answer. Does it still run?", 0);
    },
  );
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  const fields = (problem.errors ?? []).map(
    (/** @type {{field: string, message: string}} */ e) => `${e.field} ${e.message}`,
  );
  const reason = fields.join("; ") || problem.detail || `answer ${response.status}`;
  throw new Unanswered(`The device process refused: ${reason}.`, response.status);
}

/** @param {string} id @returns {string} */
function pathOf(id) {
  return `api/shoppers/${encodeURIComponent(id)}`;
}

/** @returns {Promise<Summary>} */
export const getSummary = () => request("api/summary");

/** @returns {Promise<ShopperEntry[]>} */
export const getShoppers = async () => (await request("api/shoppers")).data;

/** @param {string} id @returns {Promise<Shopper>} */
export const getShopper = (id) => request(pathOf(id));

/** @returns {Promise<Round[]>} */
export const getRounds = async () => (await request("api/rounds")).data;

/**
 * Record an event on the shopper's device.
 * @param {string} id
 * @param {string} itemId
 * @param {string} type
 * @returns {Promise<Shopper>} the shopper with the event, ranked anew
 */
export function postEvent(id, itemId, type) {
  return request(`${pathOf(id)}/events`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ item_id: itemId, type }),
  });
}
