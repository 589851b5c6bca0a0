import { Jimp, JimpMime } from 'jimp';

export async function handle() {
  const image = new Jimp({ width: 4, height: 2, color: 0xff0000ff });
  image.resize({ w: 2, h: 2 }).greyscale();
  const png = await image.getBuffer(JimpMime.png);
  const again = await Jimp.read(png);
  return { size: [again.width, again.height], pixel: again.getPixelColor(0, 0).toString(16) };
}
