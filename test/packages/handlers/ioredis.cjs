'use strict';
const { Redis } = require('ioredis');

exports.handle = async () => {
  const redis = new Redis({
    host: '127.0.0.1',
    port: 1,
    lazyConnect: true,
    retryStrategy: () => null,
  });
  const failed = new Promise((resolve) => redis.once('error', resolve));
  await redis.connect().catch(() => {});
  return { code: (await failed).code, status: redis.status };
};
