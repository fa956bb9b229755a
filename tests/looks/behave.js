// SPDX-License-Identifier: MIT
// Put behind a report's own script in a copy without its policy (tests/looks/run.sh): uses the page as a reader does,
// by mouse and by keyboard, and leaves "behaves" or what is wrong as its title.
(() => {
  'use strict';
  const problems = [];
  const check = (holds, what) => { if (!holds) problems.push(what); };
  const main = document.getElementById('main'), tip = document.getElementById('tip');
  const head = [...main.tHead.rows[0].cells].find(c => c.textContent.includes('accuracy')), i = head.cellIndex;
  const shown = c => parseFloat(c.dataset.v ?? c.textContent);
  const values = () => [...main.tBodies[0].rows].filter(r => !r.classList.contains('problem')).map(r => shown(r.cells[i]));
  const sorted = (v, sign) => v.every((x, k) => k === 0 || sign * (x - v[k - 1]) >= 0);
  const before = values().length;
  head.firstChild.click();
  check(head.getAttribute('aria-sort') === 'descending' && sorted(values(), -1), 'first click: descending');
  head.firstChild.click();
  check(head.getAttribute('aria-sort') === 'ascending' && sorted(values(), 1), 'second click: ascending');
  check(values().length === before, 'rows stay');
  check(document.querySelectorAll('[aria-sort]').length === 1, 'one column is sorted');
  check([...main.tBodies[0].rows].at(-1).classList.contains('problem'), 'failed rows stay last');
  check(document.getElementById('live').textContent.includes('ascending'), 'sorting is announced');

  const cell = main.tBodies[0].rows[0].cells[i];
  cell.dispatchEvent(new MouseEvent('mouseover', { bubbles: true }));
  check(!tip.hidden && /^[0-9.]+: .* in result\.json/.test(tip.textContent), `hover tells: ${tip.textContent}`);
  document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
  check(tip.hidden, 'Escape closes it');

  const stop = main.querySelector('td[tabindex="0"]');
  check(stop !== null, 'a cell can be reached by Tab');
  stop?.focus();
  check(!tip.hidden, 'focus tells');
  stop?.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
  check(document.activeElement !== stop && document.activeElement.tagName === 'TD', 'an arrow moves on');
  check(main.querySelectorAll('td[tabindex="0"]').length === 1, 'one stop a table');

  const names = main.tHead.rows[0].cells[0];
  names.firstChild.click();
  check(names.getAttribute('aria-sort') === 'ascending', 'names sort too');
  dispatchEvent(new Event('beforeprint'));
  check(!document.querySelector('details:not([open])'), 'printing opens what is folded');
  dispatchEvent(new Event('afterprint'));
  check(document.querySelector('details:not([open])') !== null, 'and folds it again');
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  check(new Set(ids).size === ids.length, 'ids are unique');
  check(document.documentElement.scrollWidth <= innerWidth, `the page is ${document.documentElement.scrollWidth} wide in ${innerWidth}`);
  document.title = problems.length ? problems.join('; ') : 'behaves';
})();
