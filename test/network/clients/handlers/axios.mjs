import axios from 'axios';

export async function handle({ host }) {
  const { data } = await axios.post(`http://${host}/axios`, { a: 1 });
  return { url: data.url, body: JSON.parse(data.body) };
}
