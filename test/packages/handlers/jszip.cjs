'use strict';
const JSZip = require('jszip');

exports.handle = async () => {
  const zip = new JSZip();
  zip.folder('d').file('a.txt', 'hello '.repeat(100));
  const bytes = await zip.generateAsync({ type: 'nodebuffer', compression: 'DEFLATE' });
  const again = await JSZip.loadAsync(bytes);
  return { small: bytes.length < 400, text: (await again.file('d/a.txt').async('string')).length };
};
