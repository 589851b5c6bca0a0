'use strict';
const dotenv = require('dotenv');

exports.handle = () => {
  // There is no .env in the working directory, whether it may be read or not.
  const { error } = dotenv.config({ quiet: true });
  return { parsed: dotenv.parse('A=1\nB="x y" # note'), code: error.code };
};
