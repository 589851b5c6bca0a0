'use strict';
const semver = require('semver');

exports.handle = () => ({
  max: semver.maxSatisfying(['1.2.3', '1.9.0', '2.0.0'], '^1.2'),
  next: semver.inc('1.2.3-beta.1', 'prerelease'),
});
