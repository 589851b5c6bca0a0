import { parse } from 'csv-parse';
import { parse as parseSync } from 'csv-parse/sync';

export async function handle() {
  const rows = [];
  for await (const row of parse('a,b\n1,"x, y"\n', { columns: true })) rows.push(row);
  return { rows, sync: parseSync('1;2\n3;4', { delimiter: ';', cast: true }) };
}
