// What should be no other guest's.
'use strict';

const { randomBytes, randomUUID, randomInt, webcrypto } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

exports.run = () => {
  // Of one name alone there are so few that honest ones meet in 100,000 guests.
  const names = [0, 1].map(() => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'x'));
    fs.rmdirSync(directory);
    return path.basename(directory);
  });
  return {
    pid: process.pid,
    values: {
      randomUUID: randomUUID(),
      getRandomValues: Buffer.from(webcrypto.getRandomValues(new Uint8Array(16))).toString('hex'),
      randomBytes: randomBytes(16).toString('hex'),
      'randomInt, twice': `${randomInt(2 ** 47)} ${randomInt(2 ** 47)}`,
      // 52 bits each: of the first alone, 100,000 hold no two alike with a chance of 1 in a million.
      'Math.random, first': Math.random(),
      'Math.random, second': Math.random(),
      'mkdtemp, two names': names.join(' '),
    },
  };
};
