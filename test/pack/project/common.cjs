'use strict';
const { createSandboxRunner } = require('@kb-labs/sandbox');

const mode = process.argv[2];
const runner = createSandboxRunner({ mode });
runner
  .run(
    { file: './handler.js', export: 'handle' },
    { message: 'Hello' },
    { requestId: 'r', workdir: __dirname },
  )
  .then((result) => console.log(result.ok ? result.data.greeting : result.error));
