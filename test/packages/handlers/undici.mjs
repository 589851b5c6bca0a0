import { MockAgent, request } from 'undici';

export async function handle() {
  const agent = new MockAgent();
  agent.disableNetConnect();
  agent.get('http://example.test').intercept({ path: '/' }).reply(200, { a: 1 });
  const { body } = await request('http://example.test/', { dispatcher: agent });
  const mocked = await body.json();
  try {
    await request('http://127.0.0.1:1/');
    return { code: 'it answered' };
  } catch (error) {
    return { code: error.code, mocked };
  }
}
