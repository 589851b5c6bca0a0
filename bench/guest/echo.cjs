// The small handler. Subjects that read no files get this text as it is.
'use strict';

exports.run = (input) => input;
