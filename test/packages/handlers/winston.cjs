'use strict';
const { Writable } = require('node:stream');
const winston = require('winston');

exports.handle = () => {
  const lines = [];
  const stream = new Writable({
    write: (chunk, _, done) => done(void lines.push(chunk.toString().trim())),
  });
  const log = winston.createLogger({
    format: winston.format.json(),
    transports: [new winston.transports.Stream({ stream }), new winston.transports.Console()],
  });
  return new Promise((resolve) => {
    stream.on('finish', () => resolve(lines.map((line) => JSON.parse(line))));
    log.info('hello', { n: 1 });
    log.on('finish', () => stream.end());
    log.end();
  });
};
