// Prints lines as fast as they are taken.
'use strict';

exports.run = async ({ lines, length }) => {
  const line = `${'x'.repeat(length - 1)}\n`;
  for (let i = 0; i < lines; i++)
    if (!process.stdout.write(line))
      await new Promise((resolve) => void process.stdout.once('drain', resolve));
  return lines;
};
