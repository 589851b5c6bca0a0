'use strict';
// What a REQUEST frame says (src/README.md), as the host makes it of a run and a zygote of a rehearsal.
// V8 gives objects of the same members in the same order one shape: a guest that was rehearsed with it
// makes no new one, and what reads the members knows where they are.

/** @param {Record<string, any>} fields what is left out is what a rehearsal does without */
function makeRequest(fields) {
  const { host = [], maxHostCalls = 0, maxMessageBytes = 0, lookups = false } = fields;
  const {
    traces = false,
    traceId = null,
    spanId = null,
    carrier = {},
    structured = false,
    ahead = false,
    interfaces = null,
  } = fields;
  return {
    file: fields.file,
    found: fields.found ?? null,
    root: fields.root,
    export: fields.export,
    ctx: fields.ctx,
    capabilities: fields.capabilities,
    env: fields.env,
    timeoutMs: fields.timeoutMs,
    serialization: fields.serialization,
    maxResultBytes: fields.maxResultBytes,
    inPieces: fields.serialization === 'json',
    host,
    maxHostCalls,
    maxMessageBytes,
    lookups,
    traces,
    traceId,
    spanId,
    carrier,
    structured,
    ahead,
    interfaces,
  };
}

module.exports = { makeRequest };
