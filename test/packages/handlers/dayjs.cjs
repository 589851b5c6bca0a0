'use strict';
const dayjs = require('dayjs');
dayjs.extend(require('dayjs/plugin/utc'));
dayjs.extend(require('dayjs/plugin/timezone'));

exports.handle = () => dayjs.utc('2024-01-31T12:00:00Z').add(1, 'month').tz('Asia/Tokyo').format();
