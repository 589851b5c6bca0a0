'use strict';
const Handlebars = require('handlebars');

exports.handle = () => {
  Handlebars.registerHelper('up', (text) => text.toUpperCase());
  return Handlebars.compile('{{#each names}}{{up this}},{{/each}}')({ names: ['a', 'b'] });
};
