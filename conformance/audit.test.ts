/** Each fault is found, and by its rule: a kit that finds nothing would pass everything. */
import { describe, expect, test } from 'vitest';
import { partitionOfKey } from '../services/runtime/kafka/murmur2.ts';
import { a2aFaults } from './a2a-json.ts';
import { audit, type Evidence } from './audit.ts';
import type { A2AJson, Heard } from './heard.ts';

const PARTITIONS = 3;
const ids = { taskId: 't-1', contextId: 'c-1' };
const message = (text: string) => ({ messageId: 'm', role: 'ROLE_AGENT', parts: [{ text }] });
const status = (state: string, text?: string): A2AJson => ({
  statusUpdate: { ...ids, status: { state: `TASK_STATE_${state}`, ...(text ? { message: message(text) } : {}) } },
});

let offset = 0;
const heard = (id: string, json: A2AJson, change: Partial<Heard> = {}): Heard => {
  const key = change.keyText ?? 'c-1';
  return {
    id,
    type: 'AgentReported',
    keyText: key,
    key: Buffer.from(key),
    value: Buffer.alloc(0),
    partition: partitionOfKey(key, PARTITIONS),
    offset: offset++,
    headers: {
      ce_specversion: '1.0',
      ce_id: id,
      ce_type: 'mesh.AgentReported',
      ce_source: 'agent/scribe',
      ce_subject: key,
      ce_time: '2026-01-05T10:00:00.000Z',
      ce_correlationid: 'r-1',
      ce_causationid: 'in-1',
      traceparent: '',
      'content-type': 'application/avro',
    },
    data: { agent: 'scribe', taskId: 't-1' },
    json,
    faults: [],
    subjects: ['p.mesh.AgentReported'],
    unreadable: '',
    ...change,
  };
};

const working = () => heard('a', status('WORKING'));
const faultsOf = (...records: Heard[]): string[] => {
  const evidence: Evidence = {
    agent: 'scribe',
    prefix: 'p.',
    partitions: PARTITIONS,
    heard: records,
    delivered: new Set(['in-1']),
    contextOf: new Map([['t-1', 'c-1']]),
  };
  return Object.entries(audit(evidence)).flatMap(([rule, found]) => found.map(() => rule));
};
const withHeader = (name: string, value: string) => {
  const record = working();
  return { ...record, headers: { ...record.headers, [name]: value } };
};

describe('audit', () => {
  test('a right course has no faults, a repetition under the same id included', () => {
    const end = heard('b', status('COMPLETED'));
    expect(faultsOf(working(), end, { ...end, offset: offset++ }, working())).toEqual([]);
  });

  test.each<[string, Heard[]]>([
    ['E1', [heard('a', status('WORKING'), { keyText: 'c-2' })]],
    ['E2', [{ ...working(), partition: (partitionOfKey('c-1', PARTITIONS) + 1) % PARTITIONS }]],
    ['E4', [withHeader('ce_specversion', '0.3')]],
    ['E4', [withHeader('ce_id', '')]],
    ['E4', [withHeader('ce_subject', 'other')]],
    ['E4', [withHeader('ce_time', 'yesterday')]],
    ['E4', [withHeader('ce_correlationid', '')]],
    ['E4', [withHeader('ce_causationid', 'nothing that was delivered')]],
    ['E4', [withHeader('traceparent', 'x')]],
    ['E4', [withHeader('content-type', 'application/json')]],
    ['E5', [heard('a', status('WORKING'), { subjects: ['mesh.AgentReported'] })]],
    ['E5', [heard('a', {}, { unreadable: 'not of its schema' })]],
    ['E8', [heard('a', status('WORKING'), { data: { agent: 'another', taskId: 't-1' } })]],
    ['E8', [heard('a', { statusUpdate: { ...ids, taskId: 'my-own', status: { state: 'TASK_STATE_WORKING' } } })]],
    ['E8', [heard('a', {}, { faults: ['no A2A'] })]],
    ['D2', [heard('a', status('FAILED', 'why')), heard('b', status('FAILED', 'why'))]],
    ['D2', [heard('a', status('WORKING', '1 of 2')), heard('a', status('WORKING', '2 of 2'))]],
    ['T3', [heard('a', status('COMPLETED')), heard('b', status('WORKING'))]],
    ['K1', [heard('a', {}, { type: 'AgentCalled', data: { agent: 'scribe', taskId: 't-1', callId: '' } })]],
  ])('%s is found', (rule, records) => {
    expect(faultsOf(...records)).toContain(rule);
  });
});

describe('a2aFaults', () => {
  const update = (change: object) => ({ statusUpdate: { ...ids, status: { state: 'TASK_STATE_WORKING', ...change } } });

  test('A2A has none, defaults that are written out included', () => {
    const artifact = { artifactId: 'x', parts: [{ text: '' }, { raw: 'aGk=' }, { data: { a: [1, null] } }] };
    expect(a2aFaults('StreamResponse', { artifactUpdate: { ...ids, artifact, append: false } })).toEqual([]);
    expect(a2aFaults('StreamResponse', update({ timestamp: '2026-01-05T10:00:00Z' }))).toEqual([]);
  });

  test.each<[string, object]>([
    ['nothing', {}],
    ['two at once', { ...update({}), message: message('x') }],
    ['a state as a number', update({ state: 2 })],
    ['a state of A2A 0.3', update({ state: 'working' })],
    ['a local time', update({ timestamp: '2026-01-05T10:00:00+01:00' })],
    ['snake case', { status_update: { ...ids, status: { state: 'TASK_STATE_WORKING' } } }],
    ['a field that A2A does not have', update({ mood: 'fine' })],
    ['a message without parts', update({ message: { messageId: 'm', role: 'ROLE_AGENT', parts: [] } })],
    ['a part of A2A 0.3', { message: { messageId: 'm', role: 'ROLE_AGENT', parts: [{ kind: 'text', text: 'x' }] } }],
  ])('%s is none', (_, json) => {
    expect(a2aFaults('StreamResponse', json)).not.toEqual([]);
  });
});
