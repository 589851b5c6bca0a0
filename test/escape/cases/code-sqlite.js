export default {
  title: 'opens a database outside',
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
    attempt('open', async () => {
      const name = 'node:sqlite';
      const { DatabaseSync } = await import(name);
      try {
        const database = new DatabaseSync(path.join(input.outside, 'data.sqlite'));
        return database.prepare('SELECT text FROM secrets').all();
      } catch (error) {
        const SQLITE_CANTOPEN = 14;
        throw error.errcode === SQLITE_CANTOPEN ? coded('EACCES', String(error)) : error;
      }
    }),
};
