// A program: JSON on its standard input, JSON on its standard output.
'use strict';

const handler = process.argv[2];
const chunks = [];
process.stdin.on('data', (chunk) => chunks.push(chunk));
process.stdin.on('end', async () => {
  const { run } = require(`./${handler}.cjs`);
  const input = JSON.parse(Buffer.concat(chunks).toString());
  const result = await run(input, { up: () => process.stdout.write('up\n') });
  process.stdout.write(JSON.stringify(result) ?? 'null');
});
