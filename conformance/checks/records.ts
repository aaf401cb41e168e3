/** C, E: announcement, and records that are not as usual. */
import { wholeSchema } from '../../schemas/index.ts';
import { type Check, must, mustEqual } from '../check.ts';
import { converse } from '../conversation.ts';
import { framed, type Mesh } from '../mesh.ts';
import type { OutgoingRecord } from '../topics.ts';
import { echoes } from './tasks.ts';

const BINDING = 'https://parley.dev/bindings/a2a-over-kafka/v1';
const LARGE_BYTES = 8 * 1024 * 1024;

/** MessageDelivered as a newer mesh may write it: with a field more, in the midst. */
const newer = (): object => {
  const schema = structuredClone(wholeSchema('MessageDelivered'));
  const priority = { name: 'priority', type: 'string', doc: 'Of a newer mesh.', default: '' };
  schema.fields.splice(2, 0, priority);
  return schema;
};

/** Delivers something odd between two usual messages of a conversation. */
const survives =
  (spoil: (record: OutgoingRecord) => OutgoingRecord) =>
  async (mesh: Mesh): Promise<void> => {
    const task = converse(mesh);
    await mesh.deliver(spoil(task.saying('echo not to be read')));
    await echoes(mesh, task.contextId);
    mustEqual(task.said().length, 0, 'reports of what can not be read');
  };

export const recordChecks: Check[] = [
  {
    rule: 'C1',
    what: 'AgentAnnounced',
    run: async (mesh) => {
      const { agent, prefix } = mesh.options;
      const cards = () => mesh.heard.filter(({ type }) => type === 'AgentAnnounced');
      await mesh.until('AgentAnnounced', () => cards().length > 0);
      const { json, unreadable, faults } = cards().at(-1)!;
      mustEqual([unreadable, ...faults], [''], 'faults of the card');
      const here = json!.supportedInterfaces!.find(({ protocolBinding }) => protocolBinding === BINDING);
      const [scheme, , cluster, topic, ...more] = String(here?.url).split('/');
      const right =
        scheme === 'kafka:' && cluster !== '' && topic === `${prefix}agents.${agent}.inbox` && more.length === 0;
      must(right, `its interface of this binding is at ${here?.url}`);
    },
  },
  {
    rule: 'E3',
    what: 'a message of 8 MiB, echoed',
    run: async (mesh) => {
      const task = converse(mesh);
      await task.say(`echo ${'x'.repeat(LARGE_BYTES)}`);
      await task.reaches('TASK_STATE_COMPLETED');
      mustEqual(task.artifacts().join('').length, LARGE_BYTES, 'its length');
    },
  },
  {
    rule: 'E6',
    what: 'a record by a newer schema',
    run: async (mesh) => {
      const task = converse(mesh);
      const { agent, taskId, ...rest } = task.message('echo from the future');
      const record = mesh.record('MessageDelivered', task.contextId, { agent, taskId, ...rest }, rest.requestId);
      const schema = newer();
      const id = await mesh.schemaId(`${mesh.options.prefix}conformance.MessageDelivered`, schema);
      await mesh.deliver({ ...record, value: framed(id, schema, { agent, taskId, priority: 'high', ...rest }) });
      await task.reaches('TASK_STATE_COMPLETED');
      mustEqual(task.artifacts(), ['from the future'], 'artifacts');
    },
  },
  {
    rule: 'E7',
    what: 'a type that it does not know',
    run: survives((record) => ({
      ...record,
      headers: { ...record.headers, ce_type: 'mesh.NotOfThisVersion' },
    })),
  },
  { rule: 'E7', what: 'a record without an envelope', run: survives((record) => ({ ...record, headers: {} })) },
  {
    rule: 'E7',
    what: 'bytes that are not of the schema',
    run: survives((record) => ({
      ...record,
      value: Buffer.concat([record.value.subarray(0, 5), Buffer.alloc(9, 0xff)]),
    })),
  },
  {
    rule: 'E7',
    what: 'a schema that is not in the registry',
    run: survives((record) => {
      const value = Buffer.from(record.value);
      value.writeUInt32BE(0x7ffffff0, 1);
      return { ...record, value };
    }),
  },
  { rule: 'E7', what: 'an empty value', run: survives((record) => ({ ...record, value: Buffer.alloc(0) })) },
  {
    rule: 'E9',
    what: 'a message with fields of a later A2A',
    run: async (mesh) => {
      const task = converse(mesh);
      const extra = { mood: { of: 'the user' }, parts: [{ text: 'echo later', tone: 'calm' }] };
      await task.say('', extra);
      await task.reaches('TASK_STATE_COMPLETED');
      mustEqual(task.artifacts(), ['later'], 'artifacts');
    },
  },
];
