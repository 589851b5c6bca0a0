// test/run/time.test.js, with guests that are forked.
process.env.SBX_TEST_STARTUP = 'fork';
await import('../run/time.test.js');
