'use strict';
const express = require('express');

exports.handle = async () => {
  const app = express();
  app.use(express.json());
  app.get('/hello/:name', (request, response) => response.json({ hello: request.params.name }));
  const server = require('node:http').createServer(app);
  return new Promise((resolve) => {
    server.on('error', (error) => resolve({ code: error.code, syscall: error.syscall }));
    server.listen(0, '127.0.0.1', async () => {
      const answer = await fetch(`http://127.0.0.1:${server.address().port}/hello/you`);
      resolve({ code: 'it listens', answer: await answer.json() });
    });
  });
};
