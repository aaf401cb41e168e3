/**
 * CRC-32C (RFC 3720, appendix B.4) eight bytes at a time, in the place of kafkajs's own: every batch that is written is
 * summed up.
 */
import { createRequire } from 'node:module';

const POLYNOMIAL = 0x82f63b78;

/** The sum of a byte that 0 to 7 zero bytes follow. */
const tables = Array.from({ length: 8 }, () => new Uint32Array(256));
for (let byte = 0; byte < 256; byte++) {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ POLYNOMIAL : sum >>> 1;
  tables[0]![byte] = sum;
}
for (let zeros = 1; zeros < 8; zeros++)
  for (let byte = 0; byte < 256; byte++) {
    const before = tables[zeros - 1]![byte]!;
    tables[zeros]![byte] = (before >>> 8) ^ tables[0]![before & 255]!;
  }
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
];

export const crc32c = (bytes: Buffer): number => {
  let sum = -1;
  let at = 0;
  for (const end = bytes.length - 7; at < end; at += 8) {
    sum ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    sum =
      t7[sum & 255]! ^
      t6[(sum >>> 8) & 255]! ^
      t5[(sum >>> 16) & 255]! ^
      t4[sum >>> 24]! ^
      t3[bytes[at + 4]!]! ^
      t2[bytes[at + 5]!]! ^
      t1[bytes[at + 6]!]! ^
      t0[bytes[at + 7]!]!;
  }
  for (; at < bytes.length; at++) sum = (sum >>> 8) ^ t0[(sum ^ bytes[at]!) & 255]!;
  return ~sum >>> 0;
};

const require = createRequire(import.meta.url);
const CRC = require.resolve('kafkajs/src/protocol/recordBatch/crc32C');
require(CRC);
require.cache[CRC]!.exports = crc32c;
