'use strict';
const { DateTime } = require('luxon');

exports.handle = () =>
  DateTime.fromISO('2024-03-31T00:30', { zone: 'Europe/Berlin' })
    .plus({ hours: 2 })
    .setLocale('fr')
    .toLocaleString(DateTime.DATETIME_FULL);
