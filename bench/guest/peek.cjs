// Whether a file can be read.
'use strict';

const fs = require('node:fs');

exports.run = (file) => {
  try {
    return fs.readFileSync(file).length > 0;
  } catch {
    return false;
  }
};
