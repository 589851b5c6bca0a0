'use strict';
const crypto = require('node:crypto');
const jwt = require('jsonwebtoken');

exports.handle = () => {
  const { privateKey, publicKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  const token = jwt.sign({ sub: 'me' }, privateKey, { algorithm: 'RS256', noTimestamp: true });
  return jwt.verify(token, publicKey);
};
