/** Round numbers for axes. */

/**
 * Ticks at multiples of 1, 2 or 5 times a power of ten that cover [low, high].
 * @param {number} low
 * @param {number} high
 * @param {number} wanted about how many steps
 * @returns {number[]}
 */
export function niceTicks(low, high, wanted) {
  const rough = (high - low || 1) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((m) => m * power >= rough * 0.999) ?? 10);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, k) => (first + k) * step);
}

/** Digits after the point that tell the ticks apart. @param {number[]} ticks @returns {number} */
export function digitsOf(ticks) {
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : 1;
  return Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
}
