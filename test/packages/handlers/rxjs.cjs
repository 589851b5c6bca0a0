'use strict';
const { from, interval, lastValueFrom, mergeMap, scan, take, toArray } = require('rxjs');

exports.handle = () =>
  lastValueFrom(
    from([1, 2, 3]).pipe(
      mergeMap((n) => interval(1).pipe(take(n))),
      scan((sum, n) => sum + n, 0),
      toArray(),
    ),
  ).then((sums) => sums.at(-1));
