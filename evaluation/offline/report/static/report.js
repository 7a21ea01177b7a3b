// Shows at once, and by touch too, what a mark's <title> would say after a while.
const tip = document.getElementById('tip');
for (const mark of document.querySelectorAll('.mark')) {
  const title = mark.querySelector('title');
  mark.said = title.textContent;
  title.remove();
}

function show(event) {
  const mark = event.target.closest?.('.mark');
  tip.hidden = !mark;
  if (!mark) return;
  tip.textContent = mark.said;
  const box = tip.getBoundingClientRect();
  const edge = document.documentElement.clientWidth - box.width - 8;
  const left = Math.max(8, Math.min(event.clientX - box.width / 2, edge));
  const above = event.clientY - box.height - 14;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 8 ? above : event.clientY + 20}px`;
}

addEventListener('pointermove', show);
addEventListener('pointerdown', show);
addEventListener('scroll', () => { tip.hidden = true; }, {passive: true});
