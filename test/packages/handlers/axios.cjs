'use strict';
const axios = require('axios');

exports.handle = async () => {
  try {
    await axios.get('http://127.0.0.1:1/', { params: { a: [1, 2] } });
    return { code: 'it answered' };
  } catch (error) {
    return { code: error.code, url: axios.getUri(error.config) };
  }
};
