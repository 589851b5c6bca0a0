// @anthropic-ai/sandbox-runtime as a library: initialised once, a command wrapped per run. Of the two
// versions in ../package.json npm installs those that this Node.js is enough for.
import {
  Missing,
  findProgram,
  guestDirectory,
  guestFile,
  load,
  runProgram,
  versionOf,
} from './common.js';

/** @returns {Promise<import('./common.js').Instance>} */
export async function open() {
  for (const [program, debian] of [
    ['bwrap', 'bubblewrap'],
    ['socat', 'socat'],
    ['rg', 'ripgrep'],
  ])
    try {
      findProgram(program);
    } catch {
      throw new Missing(`it needs ${program} (Debian: apt-get install ${debian})`);
    }
  const name = installed();
  const { SandboxManager } = await load(name);
  await SandboxManager.initialize({
    network: { allowedDomains: [], deniedDomains: [] },
    filesystem: { denyRead: [], allowWrite: [], denyWrite: [] },
  });
  // Its files are found from the working directory.
  process.chdir(guestDirectory);
  return {
    version: versionOf(name),
    async run(handler, input) {
      const command = `${process.execPath} ${guestFile('main')} ${handler}`;
      const wrapped = await SandboxManager.wrapWithSandbox(command);
      try {
        // The handler's name is in the command already; sh ignores what follows.
        return await runProgram(['/bin/sh', '-c', wrapped], handler, input, process.env);
      } finally {
        SandboxManager.cleanupAfterCommand?.();
      }
    },
    close: () => SandboxManager.reset(),
  };
}

function installed() {
  for (const name of ['sandbox-runtime', 'sandbox-runtime-node20'])
    try {
      versionOf(name);
      return name;
    } catch {}
  throw new Missing('package @anthropic-ai/sandbox-runtime is not installed');
}
