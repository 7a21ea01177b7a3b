/** Numbers, money and times in the reader's own manner. */

const dash = "–";

/**
 * @param {number | null | undefined} value
 * @param {number} [digits] after the point, at most
 * @param {number} [least] after the point, at least
 * @returns {string}
 */
export function number(value, digits = 0, least = 0) {
  if (value == null || !Number.isFinite(value)) return dash;
  const options = { maximumFractionDigits: digits, minimumFractionDigits: least };
  return new Intl.NumberFormat(undefined, options).format(value);
}

/**
 * Always `digits` digits after the point, so that columns line up.
 * @param {number | null | undefined} value
 * @param {number} digits
 * @returns {string}
 */
export function fixed(value, digits) {
  return number(value, digits, digits);
}

/**
 * @param {number | null} price
 * @param {string | null} currency ISO 4217; null shows the bare number
 * @returns {string} empty when there is no price
 */
export function money(price, currency) {
  if (price == null) return "";
  if (!currency) return fixed(price, 2);
  return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(price);
}

/** @param {string} at @param {Intl.DateTimeFormatOptions} options */
function dated(at, options) {
  const date = new Date(at);
  return Number.isNaN(date.getTime())
    ? at
    : new Intl.DateTimeFormat(undefined, options).format(date);
}

/** @param {string} at RFC 3339 @returns {string} the day */
export function day(at) {
  return dated(at, { day: "numeric", month: "long", year: "numeric" });
}

/** @param {string | null} at RFC 3339 @returns {string} the time of day */
export function clock(at) {
  return at ? dated(at, { hour: "2-digit", minute: "2-digit" }) : dash;
}

/** @param {string | null} at RFC 3339 @returns {string} the time of day, with seconds */
export function exactClock(at) {
  return at ? dated(at, { hour: "2-digit", minute: "2-digit", second: "2-digit" }) : dash;
}

/** @param {number} count @param {string} one @param {string} [many] @returns {string} */
export function counted(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}
