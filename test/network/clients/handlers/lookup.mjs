import { lookup } from 'node:dns/promises';

export async function handle({ names }) {
  const one = async (name) => {
    try {
      return (await lookup(name, { all: true })).map(({ address }) => address).sort();
    } catch ({ code, message }) {
      return { code, message };
    }
  };
  const all = [];
  for (const name of names) all.push(await one(name));
  return all;
}
