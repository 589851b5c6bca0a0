// Leaves a file behind where it may.
'use strict';
const fs = require('node:fs');

exports.run = (input) => {
  fs.writeFileSync(`/tmp/${input.litter}${input.index}`, '');
  return input;
};
