"""What must hold of any page that people look at: text that can be read, nothing cut off."""

from playwright.sync_api import Page

# Every visible text against the nearest opaque ground, as WCAG 2.2 (1.4.3) counts contrast.
LOW_CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return rgba('white');
  };
  const bad = [];
  for (const e of document.querySelectorAll('body *')) {
    const text = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join('');
    if (!text.trim() || !e.checkVisibility() || e.closest('noscript')) continue;
    const style = getComputedStyle(e);
    const ink = rgba(e instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [light(ink), light(ground(e))].sort((x, y) => y - x);
    const large = parseFloat(style.fontSize) >= 24;
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) bad.push(`${ratio.toFixed(2)} ${text.trim().slice(0, 40)}`);
  }
  return bad;
}"""


def assert_fits(page: Page) -> None:
    """No horizontal overflow: nothing reaches beyond the page, nor beyond the card it is on."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    beyond = page.evaluate(
        """() => [...document.querySelectorAll('main *, header *, footer *')]
          .filter((e) => e.checkVisibility() && !e.matches('.visually-hidden'))
          .filter((e) => {  // what an ancestor clips or scrolls is that ancestor's affair
            for (let up = e.parentElement; up; up = up.parentElement)
              if (up !== document.documentElement && getComputedStyle(up).overflowX !== 'visible')
                return false;
            return true;
          })
          .filter((e) => {
            const box = e.parentElement.closest('.card') ?? document.documentElement;
            return e.getBoundingClientRect().right > box.getBoundingClientRect().right + 0.5;
          })
          .map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert beyond == []
