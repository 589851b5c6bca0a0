// SPDX-License-Identifier: MIT
// What users of the package import. Types and documentation are in index.d.ts.
export { createSandboxRunner } from './runner.js';
