/** Charts are drawn for the width that they get, so that their text keeps its size. */

/**
 * Draw into `canvas` now and whenever its width changes, for as long as it is in the page.
 * @param {HTMLElement} canvas
 * @param {(width: number) => Element} draw
 */
export function redrawOnResize(canvas, draw) {
  let drawn = 0;
  const observer = new ResizeObserver(() => {
    const width = Math.floor(canvas.clientWidth);
    if (!canvas.isConnected) observer.disconnect();
    else if (width > 0 && width !== drawn) {
      drawn = width;
      canvas.replaceChildren(draw(width));
    }
  });
  observer.observe(canvas);
}
