import pg from 'pg';

export async function handle() {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: 1,
    user: 'u',
    database: 'd',
    password: 'p',
  });
  try {
    await client.connect();
    return { code: 'it answered' };
  } catch (error) {
    return { code: error.code, literal: client.escapeLiteral("it's") };
  }
}
