'use strict';
const sharp = require('sharp');

exports.handle = async () => {
  const create = { width: 8, height: 4, channels: 3, background: { r: 255, g: 0, b: 0 } };
  const webp = await sharp({ create }).resize(4).webp({ lossless: true }).toBuffer();
  const { format, width, height } = await sharp(webp).metadata();
  const { data } = await sharp(webp).raw().toBuffer({ resolveWithObject: true });
  return { format, width, height, pixel: [...data.subarray(0, 3)] };
};
