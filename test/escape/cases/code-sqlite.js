export default {
  title: 'reads a file outside through a database that attaches it',
  category: 'code',
  guards: ['landlock'],
  node: 22,
  deny: ['EACCES'],
  setup: async ({ at, secret }) => {
    const name = 'node:sqlite';
    const { DatabaseSync } = await import(name);
    const database = new DatabaseSync(at('outside', 'data.sqlite'));
    database.exec('CREATE TABLE secrets (text)');
    database.prepare('INSERT INTO secrets VALUES (?)').run(secret);
    database.close();
  },
  act: ({ attempt, coded, path, input }) =>
    attempt('attach', async () => {
      const name = 'node:sqlite';
      const { DatabaseSync } = await import(name);
      const database = new DatabaseSync(':memory:');
      try {
        database.exec(`ATTACH '${path.join(input.outside, 'data.sqlite')}' AS other`);
      } catch (error) {
        const SQLITE_CANTOPEN = 14;
        throw error.errcode === SQLITE_CANTOPEN ? coded('EACCES', String(error)) : error;
      }
      return database.prepare('SELECT text FROM other.secrets').all();
    }),
};
