'use strict';
// The program of a guest: `node lib/guest/bootstrap.cjs`, or run() where the guest is a fork of
// zygote.cjs, with the data socket as descriptor 3. Reads what to run, runs it, sends one RESULT or
// ERROR, and ends the process at once.
//
// What is used after foreign code ran is captured before: a handler that replaces JSON or process.exit
// harms its own result at most. It is not a border; the host believes nothing that comes from here.

const frames = require('./frames.cjs');
const errors = require('./errors.cjs');
const { createContext } = require('./context.cjs');
const { watchExits } = require('./exits.cjs');
const { divertLevels, levelConsole } = require('./log.cjs');
const { answerForSystem, setInterfaces } = require('./machine.cjs');
const pieces = require('./pieces.cjs');
const { isSuspicious, refuse, toJson } = require('./promises.cjs');
const { loadHandlerFile, locateHandlerFile, pickExport } = require('./resolve.cjs');
const { toText } = require('./text.cjs');

const { TYPE, PHASE, byteLength, mark, markNext, parse, readAhead, receive } = frames;
const { receiveInput, restartClock, sendFrame, sendPiece, sendText } = frames;
const { describe, encodeFailure, failure, isOutOfMemory, isStream, messageOf, read } = errors;
const listenerCount = process.listenerCount.bind(process);
const emit = process.emit.bind(process);
const { nextTick } = process;
const NativePromise = Promise;
/** What this package itself listens to the end with. */
let ownExits = 0;
/** @type {(code: number) => void} */
let leave;

/** @type {'load' | 'execute'} */
let phase = 'load';
let over = false;
/** What speaks to the host, once somebody does. @type {any} */
let client;
let { pid } = process;
/** @type {import('./debug.cjs').Debugging | undefined} */
let debugging;

/**
 * Sends the one outcome and ends the process, whatever the handler left running.
 * @param {() => void} tell
 * @param {number} [code] of the exit that listeners are told of
 */
function finish(tell, code = 0) {
  if (over) return;
  over = true;
  try {
    client?.flush();
    tell();
  } catch (error) {
    // With the socket gone nobody is there to tell; without memory a short frame may still fit.
    if (isOutOfMemory(error)) sendText(TYPE.ERROR, encodeFailure(describe(error, phase)));
  } finally {
    emitExit(code);
    debugging?.onEnd();
    leave(0);
  }
}

/** Libraries write what they have kept back when the process ends. @param {number} code */
function emitExit(code) {
  if (listenerCount('exit') === ownExits) return;
  try {
    emit('exit', code);
  } catch {
    // The outcome is known by now.
  }
}

/** What is due in process.nextTick is done first, as at the end of any turn. */
const ticked = () => new NativePromise((resolve) => nextTick(resolve));

/** @param {unknown} error that was thrown @param {string} [origin] */
function fail(error, origin) {
  const what = describe(error, phase, origin);
  finish(() => {
    debugging?.onFailure(error);
    if (phase === 'execute') markNext(PHASE.EXECUTE);
    sendText(TYPE.ERROR, encodeFailure(what));
  }, 1);
}

/**
 * @param {unknown} result
 * @param {{ limit: number, inPieces: boolean }} how: the limit in bytes
 * @param {((value: unknown) => string) | undefined} encode of the advanced serialization
 */
function succeed(result, { limit, inPieces }, encode) {
  finish(() => {
    markNext(PHASE.EXECUTE);
    const budget = { limit, used: 0 };
    /** @type {string | undefined} */
    let text;
    try {
      const large = inPieces ? pieces.split(result) : undefined;
      text = large ? sendPieces(large, budget, result) : serialize(result, encode);
    } catch (error) {
      return sendText(TYPE.ERROR, encodeFailure(unserializable(error, limit)));
    }
    const length = byteLength(text ?? '');
    // Where pieces belong to is no part of the result.
    const bytes = budget.used > 0 ? budget.used : length;
    if (bytes > limit) return sendText(TYPE.ERROR, encodeFailure(tooLarge(limit, bytes)));
    return sendText(TYPE.RESULT, text ?? '', length);
  });
}

/**
 * @param {import('./pieces.cjs').Split} large
 * @param {{ limit: number, used: number }} budget pieces over the limit are counted only
 * @param {unknown} result
 * @returns {string} what is to follow them
 */
function sendPieces(large, budget, result) {
  const { FORM, write } = pieces;
  let suspicious = false;
  const { text, frame } = write(large, (form, piece) => {
    const length = byteLength(piece);
    if (form !== FORM.TEXT) suspicious ||= isSuspicious(piece);
    budget.used += form === FORM.TEXT ? length + 1 : length - 1;
    if (budget.used <= budget.limit) sendPiece(form, piece, length);
  });
  budget.used += byteLength(frame);
  if (suspicious || isSuspicious(frame)) refuse(result);
  return text;
}

/**
 * @param {unknown} result @param {((value: unknown) => string) | undefined} encode
 * @returns {string | undefined} undefined for undefined
 */
function serialize(result, encode) {
  if (result === undefined) return undefined;
  if (encode !== undefined) return encode(result);
  const text = toJson(result);
  if (text === undefined && (typeof result === 'function' || typeof result === 'symbol')) {
    throw new TypeError(`it is a ${typeof result}`);
  }
  return text;
}

/** @param {unknown} error what serializing threw @param {number} limit */
function unserializable(error, limit) {
  if (isOutOfMemory(error)) return describe(error, phase);
  const message = messageOf(error);
  // V8 says so of a text over its longest string, which is over any limit on a result.
  if (message === 'Invalid string length') return tooLarge(limit);
  const stack = read(error, 'stack');
  return failure(
    'RESULT_NOT_SERIALIZABLE',
    `The handler's result cannot be serialized: ${message}`,
    { phase },
    'TypeError',
    typeof stack === 'string' ? errors.bound(stack, 64 << 10) : '',
  );
}

/** @param {number} limit @param {number} [bytes] */
function tooLarge(limit, bytes) {
  const size = bytes === undefined ? 'too large to serialize' : `${bytes} bytes`;
  return failure('RESULT_TOO_LARGE', `The handler's result is ${size}; ${limit} are allowed.`, {
    limit,
    ...(bytes !== undefined && { bytes }),
  });
}

/**
 * Node.js gives stdout and stderr on a pipe as non-blocking: what is printed faster than the host
 * reads would wait in memory, and be lost when the process ends. A blocking one does neither.
 * @param {'stdout' | 'stderr'} name
 */
function makeBlocking(name) {
  const original = Object.getOwnPropertyDescriptor(process, name);
  const get = original?.get;
  if (get === undefined) return;
  let seen = false;
  Object.defineProperty(process, name, {
    ...original,
    get() {
      const stream = get.call(process);
      if (!seen) {
        seen = true;
        stream._handle?.setBlocking?.(true);
        divertLevels(stream);
      }
      return stream;
    },
  });
}

/** The codec of the advanced serialization, which costs time to load. */
function loadAdvanced() {
  const features = /** @type {{ require_module?: boolean }} */ (process.features);
  if (features.require_module === true) return require('./advanced.mjs');
  return require('./import.cjs').importModule('./advanced.mjs');
}

/**
 * @param {any} request @param {any} codec of the advanced serialization
 * @returns {any} of host.cjs
 */
function createHostClient(request, codec) {
  const { createClient } = require('./host.cjs');
  const inbox = require('./inbox.cjs');
  const made = createClient({
    names: request.host ?? [],
    maxCalls: request.maxHostCalls,
    maxBytes: request.maxMessageBytes,
    times: codec ? require('./charge.cjs').ADVANCED : 1,
    encode: codec?.encode ?? toJson,
    decode: codec?.decode ?? parse,
    send: (frame) => sendFrame(TYPE.MESSAGE, frame),
    hold: inbox.hold,
    release: inbox.release,
  });
  inbox.listen(TYPE.ANSWER, made.take, made.lose);
  return made;
}

/** Takes the input's frames; the bytes are let go once they are decoded. */
function takeInput() {
  /** @type {import('./pieces.cjs').Joiner | undefined} */
  let joiner;
  /** @type {Buffer | undefined} */
  let payload = receiveInput((bytes) => {
    joiner ??= new pieces.Joiner();
    joiner.take(bytes[0], toText(bytes.subarray(1)));
  });
  return (/** @type {(text: string) => unknown} */ decode) => {
    const text = payload && toText(payload);
    payload = undefined;
    if (joiner && text) return joiner.finish(text);
    return text ? decode(text) : undefined;
  };
}

/** What is watched from before the first line of foreign code; once in a process. */
function prepare() {
  makeBlocking('stdout');
  makeBlocking('stderr');
  levelConsole();
  answerForSystem();
  watchExits({ pid: () => pid, phase: () => phase, isOver: () => over });
  // One that the handler installs itself is its own way to deal with them.
  process.on('uncaughtException', (error, origin) => {
    if (listenerCount('uncaughtException') === 1) fail(error, origin);
  });
  ownExits = listenerCount('exit');
}

/**
 * Reads a request and does what it says.
 * @param {(code: number) => void} exit what ends the process at once
 * @param {boolean} [isFork] the host knows when a fork was ready: it is told with what comes next
 */
async function run(exit, isFork = false) {
  leave = exit;
  pid = process.pid;
  phase = 'load';
  over = false;
  debugging = undefined;
  client = undefined;
  readAhead();
  const request = parse(toText(receive(TYPE.REQUEST)));
  if (request.ahead) {
    restartClock();
    require('./clock.cjs').replaceClocks()();
  }
  const readInput = takeInput();
  try {
    const codec = request.serialization === 'advanced' ? await loadAdvanced() : undefined;
    const input = readInput(codec?.decode ?? parse);
    if (request.lookups) require('./lookup.cjs').installInGuest();
    if (request.interfaces) setInterfaces(request.interfaces);
    for (const name of Object.keys(request.env)) process.env[name] = request.env[name];
    const located = locateHandlerFile(request);
    const { file } = located;
    process.argv = [process.execPath, file];
    (isFork ? markNext : mark)(PHASE.BOOT);
    if (request.debug) {
      debugging = await require('./debug.cjs').begin(request.debug, file, request.timeoutMs);
    }

    const loaded = loadHandlerFile(located);
    const namespace = loaded.pending === undefined ? loaded.namespace : await loaded.pending;
    const handler = pickExport(namespace, request.export);
    const connect = () => (client ??= createHostClient(request, codec));
    const ctx = createContext(request, connect);
    mark(PHASE.LOAD);

    phase = 'execute';
    let result = await handler(input, ctx);
    if (isStream(result)) result = await connect().pump(result);
    await ticked();
    const how = { limit: request.maxResultBytes, inPieces: request.inPieces === true };
    succeed(result, how, codec?.encode);
  } catch (error) {
    await ticked();
    fail(error);
  }
}

if (require.main === module) {
  const exit = /** @type {any} */ (process).reallyExit.bind(process);
  prepare();
  run(exit);
}

module.exports = { prepare, run };
