// The command's bar, on a terminal of the test's own.
import t from 'tap';
import { ProgressBar } from '../lib/progress-bar.js';

/** @param {number} [columns] */
function terminal(columns) {
  let text = '';
  return {
    columns,
    write: (/** @type {string} */ more) => (text += more),
    get text() {
      return text;
    },
  };
}

t.test('drawn, drawn again below a line, taken away', async (t) => {
  const screen = terminal(80);
  const bar = new ProgressBar(screen);
  bar.print('before');
  bar.update(0.5, 'half');
  bar.print('a line');
  bar.end();
  bar.end();
  const line = `[${'#'.repeat(12)}${'-'.repeat(12)}]  50% half`;
  t.equal(screen.text, `before\n\r\x1b[K${line}\r\x1b[Ka line\n${line}\r\x1b[K`);
});

t.test('what a guest says does not steer the terminal, and stays on its line', async (t) => {
  const screen = terminal(40);
  new ProgressBar(screen).update(1, `\x1b]0;title\x07\n\u009b2J${'x'.repeat(100)}`);
  const shown = screen.text.slice('\r\x1b[K'.length);
  t.equal(shown.length, 39);
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  t.notMatch(shown, /[\x00-\x1f\x7f-\x9f]/);
});
