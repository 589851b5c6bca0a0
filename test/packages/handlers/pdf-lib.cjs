'use strict';
const { PDFDocument, StandardFonts } = require('pdf-lib');

exports.handle = async () => {
  const document = await PDFDocument.create();
  const font = await document.embedFont(StandardFonts.Helvetica);
  document.addPage([200, 100]).drawText('Hello', { font, size: 20 });
  document.setTitle('A title');
  const bytes = await document.save();
  const again = await PDFDocument.load(bytes);
  return {
    head: Buffer.from(bytes).toString('latin1', 0, 5),
    title: again.getTitle(),
    pages: again.getPageCount(),
    width: Math.round(font.widthOfTextAtSize('Hello', 20)),
  };
};
