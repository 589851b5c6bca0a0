// SPDX-License-Identifier: MIT
// Inputs to text and results from text, in the runner's serialization.
import { decode, decodeValues, encode } from './guest/advanced.mjs';
import promises from './guest/promises.cjs';

/**
 * @param {'json' | 'advanced'} serialization
 * @param {unknown} value
 * @returns {string} empty for undefined
 * @throws when it cannot be said in that serialization
 */
export function serialize(serialization, value) {
  if (value === undefined) return '';
  if (serialization === 'advanced') return encode(value);
  const text = promises.toJson(value);
  if (text === undefined) throw new TypeError(`A ${typeof value} cannot be serialized`);
  return text;
}

/**
 * @param {'json' | 'advanced'} serialization
 * @param {string} text may be hostile
 * @returns {any}
 * @throws when it is not of that serialization
 */
export function deserialize(serialization, text) {
  if (text === '') return undefined;
  return serialization === 'advanced' ? decode(text) : JSON.parse(text);
}

/**
 * @param {'json' | 'advanced'} serialization
 * @param {any} value of the JSON that a text is in either serialization; may be hostile
 * @returns {any}
 * @throws when it is not of that serialization
 */
export function build(serialization, value) {
  return serialization === 'advanced' ? decodeValues(value) : value;
}
