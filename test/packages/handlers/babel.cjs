'use strict';
const babel = require('@babel/core');

exports.handle = async () => {
  // It looks for configuration files in the working directory, which it may not read.
  const { code } = await babel.transformAsync('const a = 1', {
    filename: 'in.js',
    plugins: [
      ({ types }) => ({
        visitor: {
          NumericLiteral: (at) =>
            void (at.node.value === 1 && at.replaceWith(types.numericLiteral(2))),
        },
      }),
    ],
  });
  return code;
};
