export default {
  title: 'has Node.js write a report, a heap snapshot and a profile outside',
  category: 'code',
  guards: ['landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'ENOENT'],
  act: async ({ attempt, coded, fs, path, input }) => {
    const at = (name) => path.join(input.outside, name);
    await attempt('report', () => {
      process.report.directory = input.outside;
      process.report.writeReport('report.json');
      // It only prints that it could not.
      if (!fs.existsSync(at('report.json'))) throw coded('EACCES', 'no report');
    });
    await attempt('snapshot', async () => {
      const v8 = await import('node:v8');
      v8.writeHeapSnapshot(at('heap.heapsnapshot'));
    });
  },
};
