'use strict';
// A handler of this package's own: what V8 made of the guest's modules, for the guests after it. It
// runs where no foreign code has.

exports.handle = () => /** @type {any} */ (require.main).exports.compiled();
