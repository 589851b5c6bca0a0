'use strict';
// Loaded with --require where permissions.network names hosts, for the sake of the guest's workers:
// they inherit the option, and start without the bootstrap. Processes that the guest starts inherit
// it as well, and have no data socket.

// In a worker the call is another's. To load node:worker_threads, which says it, takes 2 ms of each run.
const { disabled } = /** @type {{ disabled?: boolean }} */ (process.chdir);
if (disabled === true) require('./lookup.cjs').installInWorker();
