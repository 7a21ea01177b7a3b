/**
 * Run `work` now and then every `period_ms` while the page is visible; never twice at once.
 * @param {() => Promise<void>} work
 * @param {number} period_ms
 */
export function pollWhileVisible(work, period_ms) {
  let timer = 0;
  let running = false;
  const run = async () => {
    if (running || document.visibilityState !== "visible") return;
    running = true;
    clearTimeout(timer);
    try {
      await work();
    } finally {
      running = false;
      timer = setTimeout(run, period_ms);
    }
  };
  document.addEventListener("visibilitychange", run);
  run();
}
