'use strict';
const acorn = require('acorn');

exports.handle = () =>
  acorn.parse('export const a = async () => await b?.c', {
    ecmaVersion: 2022,
    sourceType: 'module',
  }).body[0].type;
