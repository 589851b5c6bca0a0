import pg from 'pg';

export async function handle({ host, ca, password }) {
  const client = new pg.Client({
    host,
    user: 'tester',
    database: 'postgres',
    password,
    ssl: { ca, servername: host },
  });
  await client.connect();
  const { rows } = await client.query(
    `select sum(i)::int as sum, (select ssl from pg_stat_ssl where pid = pg_backend_pid()) as ssl
     from generate_series(1, $1::int) i`,
    [100],
  );
  await client.end();
  return rows[0];
}
