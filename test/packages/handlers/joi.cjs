'use strict';
const Joi = require('joi');

exports.handle = () => {
  const schema = Joi.object({ email: Joi.string().email({ tlds: false }), at: Joi.date().iso() });
  return {
    good: schema.validate({ email: 'a@b.test', at: '2024-01-01' }).error === undefined,
    bad: schema.validate({ email: 'x' }).error.details[0].type,
  };
};
