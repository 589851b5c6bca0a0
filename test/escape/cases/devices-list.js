export default {
  title: 'lists the devices of the machine',
  category: 'devices',
  guards: ['landlock', 'namespaces'],
  proof: 'call',
  deny: ['EACCES', 'EPERM', 'ENOENT'],
  act: ({ attempt, fs, coded }) =>
    attempt('list', () => {
      const usual = /^(null|zero|full|u?random|fd|std(in|out|err))$/;
      const others = fs.readdirSync('/dev').filter((name) => !usual.test(name));
      if (others.length === 0) throw coded('EACCES', 'only the usual ones');
      return others;
    }),
};
