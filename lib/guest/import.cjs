'use strict';
// import() for the guest's modules: Node.js 20 refuses it to what V8 had compiled before
// (start.cjs), which this module never is.

/** @param {string} specifier */
exports.importModule = (specifier) => import(specifier);
