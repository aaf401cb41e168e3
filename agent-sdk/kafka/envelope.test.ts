import type { KafkaMessage } from 'kafkajs';
import { expect, test } from 'vitest';
import type { Statement } from '../task/records.ts';
import type { Codec } from './codec.ts';
import { headersOf, operationOf, readStatement } from './envelope.ts';

const codec: Codec = { encode: () => Buffer.alloc(0), decode: async () => ({ agent: 'tested', taskId: 't' }) };
const about = { source: 'agent/tested', key: 'c', time: 1, correlationId: 'r', causationId: 'm', traceparent: '' };
const recordOf = (type: string, operation: string) => {
  const envelope = { ...about, id: 'i', type, taskId: 't', operation };
  const headers = Object.fromEntries(Object.entries(headersOf(envelope)).map(([name, v]) => [name, Buffer.from(v)]));
  return { key: Buffer.from('c'), value: Buffer.alloc(0), headers } as unknown as KafkaMessage;
};

test.each([
  [3, 'ask'],
  [3, 'answered'],
  [7, 'end'],
] as const)('operation %i %s is read as it was written', async (number, kind) => {
  const statement = { number, kind } as Statement;
  const record = recordOf('AgentReported', operationOf(statement));
  expect(await readStatement(record, codec)).toMatchObject({ kind, ...(kind === 'end' ? {} : { number }) });
});

test.each(['', '1', 'x ask', '1 wish', '-1 ask'])('a record of operation "%s" is no statement', async (operation) => {
  await expect(readStatement(recordOf('AgentReported', operation), codec)).rejects.toThrow('ce_operation');
});
