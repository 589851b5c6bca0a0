// The same code in a plain Node.js process. The evidence goes to descriptor 3, the input comes as
// the first argument.
import fs from 'node:fs';
import { handle } from './handler.js';

const evidence = await handle(JSON.parse(process.argv[2]));
fs.writeSync(3, JSON.stringify(evidence));
process.reallyExit(0);
