'use strict';
const postcss = require('postcss');

exports.handle = async () => {
  const double = {
    postcssPlugin: 'double',
    Declaration: (decl) => void (decl.value = decl.value.replace('1px', '2px')),
  };
  return (await postcss([double]).process('a { b: 1px }', { from: undefined })).css;
};
