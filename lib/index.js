// SPDX-License-Identifier: MIT
// What users of the package import. Types and documentation are in index.d.ts.
import './unbundled.js';

export { createSandboxRunner } from './runner.js';
