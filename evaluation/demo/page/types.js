/**
 * The documents of the page server, as `evaluation/demo/view.py` defines them.
 *
 * @typedef {{id: string, title: string, categories: string[], brand: string, price: number | null}} Item
 * @typedef {{name: "popular" | "before" | "after" | "adapted", label: string,
 *   "hr@10": number, "ndcg@10": number}} Quality
 * @typedef {{name: string, shoppers: number, items: number, currency: string | null,
 *   event_types: string[], service_url: string, rounds: number, updates: number,
 *   requests_per_update: number | null, results: Quality[], evaluated: number,
 *   model_version: number | null}} Summary
 * @typedef {{id: string, label: string, n_events: number}} ShopperEntry
 * @typedef {{item: Item, type: string, at: string | null}} HistoryEvent
 * @typedef {{item: Item, contribution: number}} Reason
 * @typedef {{item: Item, score: number, source: string, because: Reason[]}} Recommendation
 * @typedef {{item: Item, rank: {before: number, after: number, adapted: number},
 *   n_candidates: number}} HeldOut
 * @typedef {{mode: string, events: number}} ServiceView
 * @typedef {{id: string, label: string, folder: string, model_version: number | null,
 *   history: HistoryEvent[], n_events: number, recommendations: Recommendation[],
 *   popular: Item[], held_out: HeldOut | null, service_view: ServiceView | null}} Shopper
 * @typedef {{id: number | string, phase: string, reason: string | null,
 *   model_version: number | null, published_version: number | null, granted: number,
 *   accepted: number, expired: number, opened_at: string | null, ended_at: string | null,
 *   requests_per_update: number | null,
 *   metrics: {n: number, loss: number, hits_at_10: number} | null}} Round
 */

export {};
