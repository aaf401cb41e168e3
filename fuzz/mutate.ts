/** One input made from others, a little different. */
import type { Random } from './random.ts';

const MAX_BYTES = 16 * 1024;
const MOST_AT_ONCE = 6;
const MAX_NESTING = 2_000;

/** What parsers of any kind stumble over. */
const tokens = [
  ...[
    '0',
    '-0',
    '-1',
    '1e999',
    '1e-400',
    '0.1',
    '9007199254740993',
    '4294967296',
    '2147483648',
    '18446744073709551616',
  ],
  ...['null', 'true', 'NaN', '""', '[]', '{}', '__proto__', 'constructor', 'toString', '\\ud800', '\\u0000', '%00'],
  ...['\u0000', '\ufeff', '\u2028', '\r\n', '\r', '\n', ' ', '\t', '"', '\\', '😀', '\u0130'],
].map((token) => Buffer.from(token));
/** A lone surrogate, an overlong slash, half of a character. */
const brokenText = [Buffer.from([0xed, 0xa0, 0x80]), Buffer.from([0xc0, 0xaf]), Buffer.from([0xe2, 0x82])];
const bytesOfInterest = [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x0d, 0x20, 0x22, 0x3a, 0x5b, 0x5c, 0x7b];

type Mutation = (input: Buffer, random: Random, others: readonly Buffer[], dictionary: readonly Buffer[]) => Buffer;

/** The input with `length` bytes from `at` on replaced. */
const replace = (input: Buffer, at: number, length: number, by: Buffer): Buffer =>
  Buffer.concat([input.subarray(0, at), by, input.subarray(Math.min(input.length, at + length))]);

const place = (input: Buffer, random: Random) => random.below(input.length + 1);
/** Short stretches are likelier than long ones. */
const stretch = (input: Buffer, random: Random): [at: number, length: number] => {
  const at = place(input, random);
  return [at, 1 + random.below(Math.max(1, (input.length - at) >> random.below(6)))];
};
const withByte = (input: Buffer, at: number, byte: number) => replace(input, at, 1, Buffer.from([byte]));

const flipBit: Mutation = (input, random) => {
  const at = random.below(Math.max(1, input.length));
  return withByte(input, at, (input[at] ?? 0) ^ (1 << random.below(8)));
};
const setByte: Mutation = (input, random) =>
  withByte(input, place(input, random), random.happens(0.5) ? random.below(256) : random.of(bytesOfInterest));
const insertByte: Mutation = (input, random) =>
  replace(input, place(input, random), 0, Buffer.from([random.below(256)]));
const remove: Mutation = (input, random) => replace(input, ...stretch(input, random), Buffer.alloc(0));
const repeat: Mutation = (input, random) => {
  const [at, length] = stretch(input, random);
  const part = input.subarray(at, at + length);
  return replace(input, at, 0, Buffer.concat(Array.from({ length: 1 + random.below(4) }, () => part)));
};
const move: Mutation = (input, random) => {
  const [at, length] = stretch(input, random);
  return replace(input, place(input, random), 0, Buffer.from(input.subarray(at, at + length)));
};
/** The beginning of one and the end of another. */
const splice: Mutation = (input, random, others) => {
  const other = random.of(others);
  return Buffer.concat([input.subarray(0, place(input, random)), other.subarray(place(other, random))]);
};
const insertOther: Mutation = (input, random, others) => {
  const other = random.of(others);
  const [at, length] = stretch(other, random);
  return replace(input, place(input, random), random.below(2), other.subarray(at, at + length));
};
const insertToken: Mutation = (input, random, _others, dictionary) => {
  const known = dictionary.length > 0 && random.happens(0.6) ? dictionary : random.happens(0.9) ? tokens : brokenText;
  return replace(input, place(input, random), random.happens(0.5) ? 0 : 1 + random.below(8), random.of(known));
};
/** A number that stands there becomes another. */
const replaceNumber: Mutation = (input, random) => {
  const numbers = [...input.toString('latin1').matchAll(/\d+/g)];
  if (numbers.length === 0) return setByte(input, random, [], []);
  const { index, 0: digits } = random.of(numbers);
  return replace(input, index, digits.length, random.of(tokens.slice(0, 10)));
};
const nest: Mutation = (input, random) => {
  const [open, close] = random.of([
    ['[', ']'],
    ['{"a":', '}'],
    ['(', ')'],
  ] as const);
  const levels = 1 + random.below(random.happens(0.1) ? MAX_NESTING : 8);
  const [at, length] = stretch(input, random);
  const inner = input.subarray(at, at + length);
  return replace(
    input,
    at,
    length,
    Buffer.concat([Buffer.from(open.repeat(levels)), inner, Buffer.from(close.repeat(levels))]),
  );
};

const mutations = [
  flipBit,
  setByte,
  setByte,
  insertByte,
  remove,
  remove,
  repeat,
  move,
  splice,
  insertOther,
  insertToken,
  insertToken,
  replaceNumber,
  nest,
];

/** @param others at least one. */
export const mutate = (
  input: Buffer,
  random: Random,
  others: readonly Buffer[],
  dictionary: readonly Buffer[],
): Buffer => {
  let mutated = input;
  for (let left = 1 + random.below(1 + random.below(MOST_AT_ONCE)); left > 0; left--)
    mutated = random.of(mutations)(mutated, random, others, dictionary).subarray(0, MAX_BYTES);
  return mutated;
};
