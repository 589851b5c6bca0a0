import { Agent, Pool, request } from 'undici';

export async function handle({ host, ca }) {
  const dispatcher = new Agent({ connect: { ca } });
  const { body } = await request(`https://${host}/undici`, { dispatcher });
  const first = await body.json();
  const pool = new Pool(`http://${host}`, { connections: 2 });
  const posted = await Promise.all(
    ['a', 'b', 'c'].map(async (text) => {
      const { body } = await pool.request({ path: '/', method: 'POST', body: text });
      return (await body.json()).body;
    }),
  );
  await pool.close();
  await dispatcher.close();
  return { url: first.url, posted };
}
