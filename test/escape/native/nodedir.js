// Prints where the headers of Node.js are: what `npm run build` used, else what lies by this node.
import fs from 'node:fs';
import { findNodeDir } from '../../../lib/build.js';

const config = new URL('../../../build/config.gypi', import.meta.url);
const fromBuild = () =>
  JSON.parse(fs.readFileSync(config, 'utf8').replace(/^#.*/, '')).variables.nodedir;
process.stdout.write(fs.existsSync(config) ? fromBuild() : (findNodeDir() ?? ''));
