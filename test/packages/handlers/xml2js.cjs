'use strict';
const { Builder, parseStringPromise } = require('xml2js');

exports.handle = async () => ({
  value: await parseStringPromise('<a b="1"><c>x</c></a>'),
  text: new Builder({ headless: true, renderOpts: { pretty: false } }).buildObject({ a: { b: 1 } }),
});
