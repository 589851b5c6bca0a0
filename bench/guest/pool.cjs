// What a pool's workers run.
'use strict';

module.exports = ({ handler, input }) => require(`./${handler}.cjs`).run(input);
