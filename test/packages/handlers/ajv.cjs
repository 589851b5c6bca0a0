'use strict';
const { Ajv } = require('ajv');

exports.handle = () => {
  const validate = new Ajv({ allErrors: true }).compile({
    type: 'object',
    properties: { a: { type: 'integer', minimum: 1 }, b: { type: 'string', pattern: '^x' } },
    required: ['a', 'b'],
  });
  return {
    good: validate({ a: 1, b: 'xy' }),
    bad: !validate({ a: 0 }) && validate.errors.map((e) => e.keyword),
  };
};
