'use strict';

/** @param {unknown} input */
exports.handle = async (input) => input;
