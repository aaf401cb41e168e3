/** Tools in the simulation: all that may become of a call is seen, and so is a mesh that misreports them. */
import { beforeAll, describe, expect, test } from 'vitest';
import { isReadable } from '../../invariants/reading.ts';
import type { AnyRecorded, Event } from '../../services/runtime/log.ts';
import { writeChunk, writeOutcome, writeRequest } from '../../services/runtime/mcp/message.ts';
import { askingTools, withLog } from '../broken.ts';
import { simulate } from '../simulate.ts';
import { serverOffers } from './offers.ts';

const TIMEOUT_MS = 300_000;
const servers = () => serverOffers;

describe('in a few hundred seeds', () => {
  const said = new Set<string>();
  const reached = new Set<string>();
  let keys = 0;

  beforeAll(async () => {
    for (let seed = 1; seed <= 200; seed++) {
      const { evidence, trace } = await simulate(seed, { servers });
      for (const record of evidence.records.filter(isReadable)) {
        if (record.type === 'ResponseFailed' || record.type === 'AttemptFailed') {
          if (record.source === 'edge-mcp') said.add(`${record.type} ${record.data.failure.reason}`);
        } else if (record.type === 'RequestDenied') {
          if (record.data.action === 'tool.call') said.add(`RequestDenied ${record.data.reason}`);
        } else if (record.type === 'DefinitionReviewed') said.add(`DefinitionReviewed ${record.data.verdict}`);
        else if (record.type === 'RequestReceived') said.add(`${record.source} ${record.data.request.action}`);
        else if (record.source === 'edge-mcp') said.add(record.type);
      }
      keys += evidence.calls.filter(({ key }) => key !== undefined).length;
      for (const line of trace)
        if (/ (files|mirror|books) is asked: /.test(line)) reached.add(line.replace(/^\S+ \S+ /, ''));
    }
  }, TIMEOUT_MS);

  test('servers of both revisions are asked what they offer, and called; a twin is called too', () => {
    for (const server of ['files', 'mirror'])
      for (const method of ['server/discover', 'subscriptions/listen', 'tools/list', 'tools/call'])
        expect(reached).toContain(`${server} is asked: ${method}`);
    for (const method of [
      'initialize',
      'notifications/initialized',
      'tools/list',
      'tools/call',
      'notifications/cancelled',
    ])
      expect(reached).toContain(`books is asked: ${method}`);
  });

  test('calls go wrong in several ways', () => {
    const reasons = [
      'CONNECT_FAILED',
      'CONNECTION_LOST',
      'RATE_LIMITED',
      'UPSTREAM_ERROR',
      'BAD_RESPONSE',
      'MISCONFIGURED',
    ];
    for (const reason of reasons) expect(said).toContain(`AttemptFailed ${reason}`);
    for (const reason of ['OUTCOME_UNKNOWN', 'CANCELLED', 'DEADLINE_EXCEEDED', 'FIRST_BYTE_TIMEOUT'])
      expect(said).toContain(`ResponseFailed ${reason}`);
  });

  test('calls are denied, by policy too, and where a definition is held back', () => {
    for (const reason of ['POLICY', 'NOT_APPROVED', 'UNDECLARED', 'RESOURCE_UNKNOWN'])
      expect(said).toContain(`RequestDenied ${reason}`);
  });

  test('clients and agents on the log call them, in sessions and under keys', () => {
    for (const one of [
      'edge-mcp tool.call',
      'task-state tool.call',
      'SessionChanged',
      'IdempotencyKeyUsed',
      'ListChanged',
    ])
      expect(said).toContain(one);
    expect(keys).toBeGreaterThan(10);
  });
});

/** The event with other data. */
const changed = (event: Event, data: object): Event => ({ ...event, data: { ...event.data, ...data } }) as Event;

const misheard = (record: AnyRecorded): AnyRecorded => {
  if (record.type !== 'RequestDispatched') return record;
  const message = writeRequest({
    method: 'tools/call',
    params: { name: 'send', arguments: { call: 'call 0.', of: '?' } },
  });
  return { ...record, data: { ...record.data, request: { ...record.data.request, message } } };
};

const another = writeOutcome({ result: { content: [{ type: 'text', text: 'something else' }] } });
const fallen = writeChunk({ method: 'notifications/progress', params: { progress: 0 } });

test.each([
  {
    how: 'servers are told what nobody said',
    parts: withLog('tools outbound', (log) => ({
      consume: (group, topics, consumer) =>
        log.consume(group, topics, { ...consumer, handle: (record) => consumer.handle(misheard(record)) }),
    })),
    found: 'call whole',
  },
  {
    how: 'clients are told what no server said',
    parts: withLog('tools outbound', (log) => ({
      append: (events, signal) =>
        log.append(
          events.map((event) => (event.type === 'ResponseCompleted' ? changed(event, { message: another }) : event)),
          signal,
        ),
    })),
    found: 'answer whole',
  },
  {
    how: 'progress falls',
    parts: withLog('tools outbound', (log) => ({
      append: (events, signal) =>
        log.append(
          events.map((event) => (event.type === 'ResponseChunk' ? changed(event, { payload: fallen }) : event)),
          signal,
        ),
    })),
    found: 'answer whole',
  },
])(
  '$how: $found',
  async ({ parts, found }) => {
    const toolAsks = askingTools({ wantsProgress: true }, { wantsProgress: true });
    for (let seed = 1; seed <= 100; seed++) {
      const { violations } = await simulate(seed, { parts, faults: [], servers, toolAsks });
      if (violations.some(({ invariant }) => invariant === found)) return;
    }
    expect.fail('nothing was found in 100 seeds');
  },
  TIMEOUT_MS,
);
