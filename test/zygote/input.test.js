// test/run/input.test.js, with guests that are forked.
process.env.SBX_TEST_STARTUP = 'fork';
await import('../run/input.test.js');
