// expected.test.js, with guests whose zygote has preloaded something.
import { fileURLToPath } from 'node:url';

process.env.SBX_TEST_PRELOAD = fileURLToPath(new URL('./fixtures/preloaded.cjs', import.meta.url));
await import('./expected.test.js');
