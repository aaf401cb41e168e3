import { expect, test } from 'vitest';
import { createCodec, localSchemaIds } from '../../services/runtime/codec.ts';
import { derivedId, newId } from '../../services/runtime/event.ts';
import { type EventType, topicOf } from '../../topics/index.ts';
import { contextOf, conversation, failedAttempt } from './conversations.ts';

const identity = () => ({
  id: newId(),
  requestId: newId(),
  traceparent: '',
  time: 1_795_000_000_000,
  configurationVersion: 'v',
});

test('a conversation is received, permitted, dispatched, completed and used, each caused by the one before', () => {
  const one = identity();
  const events = conversation(one);
  expect(events.map(({ type, source }) => `${source} ${type}`)).toEqual([
    'edge-llm RequestReceived',
    'policy RequestPermitted',
    'routing RequestDispatched',
    'edge-llm ResponseCompleted',
    'metering UsageRecorded',
  ]);
  expect(events.map(({ causationId }) => causationId)).toEqual(['', ...events.slice(0, -1).map(({ id }) => id)]);
  expect(new Set(events.map(({ key }) => key))).toEqual(new Set([contextOf(one)]));
  expect(new Set(events.map(({ correlationId }) => correlationId))).toEqual(new Set([one.requestId]));
  expect(events.map(({ time }) => time)).toEqual(events.map(({ time }) => time).toSorted((a, b) => a - b));
});

test('ids are those that the services would derive, so that a service which decides again states the same events', () => {
  const one = identity();
  const [received, permitted, dispatched, completed, used] = conversation(one);
  expect(permitted!.id).toBe(derivedId(received!.id, 'policy', 0));
  expect(dispatched!.id).toBe(derivedId(permitted!.id, 'routing', 'route'));
  expect(completed!.id).toBe(derivedId(one.requestId, 'outcome'));
  expect(used!.id).toBe(derivedId(completed!.id, 'metering', 0));
});

test('every event is what its schema says', async () => {
  const codec = await createCodec(localSchemaIds(), Object.keys(topicOf) as EventType[]);
  const events = [...conversation(identity()), failedAttempt(newId(), 1)];
  const values = events.map(({ type, data }) => codec.encode(type, data));
  await codec.learn(values);
  const read = events.map(({ type }, i) => codec.decode(type, values[i]!));
  expect(read).toEqual(events.map(({ data }) => data));
});
