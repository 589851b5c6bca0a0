export default {
  title: "reads the machine's connections in /proc/net",
  category: 'files',
  guards: ['landlock', 'namespaces'],
  harm: (world, attempts) => {
    const port = world.input.tcp4.toString(16).toUpperCase().padStart(4, '0');
    return attempts.some((a) => a.value?.includes(`:${port} `)) && "it sees the host's sockets";
  },
  act: async ({ attempt, fs, input, coded }) => {
    const port = input.tcp4.toString(16).toUpperCase().padStart(4, '0');
    for (const of of ['', `/task/${process.pid}`])
      await attempt(`tcp${of && ' of a thread'}`, () => {
        const text = fs.readFileSync(`/proc/self${of}/net/tcp`, 'utf8');
        if (text.includes(`:${port} `)) return text;
        throw coded('EACCES', 'only its own');
      });
  },
};
