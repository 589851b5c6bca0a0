// A child of child_process.fork.
'use strict';

/** What is done when the host answers. */
let answered;
process.on('message', async ({ handler, input, answer }) => {
  if (!handler) {
    answered(answer);
    return;
  }
  const { run } = require(`./${handler}.cjs`);
  const call = (_name, value) =>
    new Promise((resolve) => {
      answered = resolve;
      process.send({ call: value });
    });
  const result = await run(input, { up: () => process.send('up'), host: { call } });
  process.send({ result }, () => process.disconnect());
});
