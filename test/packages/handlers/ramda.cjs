'use strict';
const R = require('ramda');

exports.handle = () => R.pipe(R.groupBy(R.length), R.map(R.sortBy(R.identity)))(['b', 'aa', 'a']);
