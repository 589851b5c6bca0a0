'use strict';
const _ = require('lodash');

exports.handle = () => ({
  groups: _.groupBy([1, 2, 3, 4], (n) => (n % 2 ? 'odd' : 'even')),
  text: _.template('Hello <%= name %>')({ name: _.capitalize('world') }),
  same: _.isEqual(_.cloneDeep({ a: [1] }), { a: [1] }),
});
