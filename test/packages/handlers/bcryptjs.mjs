import bcrypt from 'bcryptjs';

export async function handle() {
  const hash = await bcrypt.hash('secret', 4);
  return [await bcrypt.compare('secret', hash), await bcrypt.compare('other', hash)];
}
