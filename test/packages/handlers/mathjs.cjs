'use strict';
const math = require('mathjs');

exports.handle = () => ({
  value: math.evaluate('sqrt(3^2 + 4^2) + det([1, 2; 3, 4])'),
  derivative: math.derivative('x^2 + 3x', 'x').toString(),
  unit: math.evaluate('12.7 cm to inch').toString(),
  big: math
    .create({ ...math.all }, { number: 'BigNumber' })
    .evaluate('1 / 3')
    .toFixed(30),
});
