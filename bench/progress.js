// A bar while a question is asked; where the output is no terminal, a line when it is begun.

/** Not there when the types are checked. */
const PACKAGE = 'cli-progress';

export async function createProgress() {
  const { default: cliProgress } = await import(PACKAGE);
  const terminal = process.stderr.isTTY;
  const bar = new cliProgress.SingleBar(
    {
      format: '{name} {bar} {percentage}% | {what}',
      stream: process.stderr,
      clearOnComplete: true,
      hideCursor: true,
      barsize: 30,
      fps: 5,
    },
    cliProgress.Presets.shades_classic,
  );
  return {
    /** @param {string} name */
    begin(name) {
      if (terminal) bar.start(100, 0, { name: name.padEnd(10), what: '' });
      else console.error(`asking: ${name}`);
    },
    /** @param {number} share @param {string} what */
    update(share, what) {
      if (terminal) bar.update(Math.round(share * 100), { what });
    },
    end() {
      if (terminal) bar.stop();
    },
  };
}
