'use strict';
// What MESSAGE frames (guest to host) and ANSWER frames (host to guest) are about. Each begins with a
// kind and a number: u8 kind, u32le id; src/README.md has the rest. Host and guest load it.

/** Guest to host. */
const MESSAGE = Object.freeze({
  /** A host function is called: u8 length of its name, the name, its arguments. */
  CALL: 1,
  /** Whoever called does not want the answer any more. */
  CANCEL: 2,
  /** u32le: so many more chunks of the stream that the call answered with may come. */
  PULL: 3,
  /** The handler's result is a stream. */
  STREAM: 4,
  /** u8 form, a chunk of the handler's result. */
  CHUNK: 5,
  /** JSON: { fraction, message }. */
  PROGRESS: 6,
});

/** Host to guest. */
const ANSWER = Object.freeze({
  /** What the function returned. */
  RETURN: 1,
  /** JSON: { name, message, code, stack }. */
  THROW: 2,
  /** It returned a stream. */
  OPEN: 3,
  /** u8 form, a chunk of it. */
  CHUNK: 4,
  /** It is over. */
  END: 5,
  /** u32le: so many more chunks of the handler's result may come. */
  CREDIT: 6,
});

/** What a chunk is: bytes stay bytes in either serialization. */
const FORM = Object.freeze({ TEXT: 0, BYTES: 1 });

module.exports = {
  ANSWER,
  FORM,
  MESSAGE,
  HEAD: 5,
  /** Chunks that may be under way before the first is taken. */
  WINDOW: 16,
  /** Arguments of all calls under way, in messages of the largest size. */
  LARGEST_UNDER_WAY: 4,
  MAX_PROGRESS_TEXT: 1024,
};
