import { expect, test } from 'vitest';
import type { EventType } from '../../topics/index.ts';
import { topicOf } from '../../topics/index.ts';
import { follow } from './event.ts';

const of = (type: EventType, source: string, cause: string, correlationId = 'request') =>
  follow(source, { id: cause, key: 'acme:c1', correlationId, traceparent: '' }, 'said', type, {} as never, 0).id;

test('all ends of a request are one event, whoever states them, in one topic', () => {
  const ends = [
    of('ResponseCompleted', 'edge-llm', 'first attempt'),
    of('ResponseCompleted', 'task-state', 'report'),
    of('ResponseFailed', 'edge-llm', 'second attempt'),
    of('RequestUnroutable', 'routing', 'its failure'),
  ];
  expect(new Set(ends).size).toBe(1);
  expect(of('ResponseCompleted', 'edge-llm', 'first attempt', 'another')).not.toBe(ends[0]);
  expect(new Set([topicOf.ResponseCompleted, topicOf.ResponseFailed, topicOf.RequestUnroutable])).toEqual(
    new Set(['mesh.responses']),
  );
});

test('whatever else is said follows from its cause', () => {
  expect(of('AttemptFailed', 'edge-llm', 'one')).not.toBe(of('AttemptFailed', 'edge-llm', 'two'));
  expect(of('AttemptFailed', 'edge-llm', 'one')).not.toBe(of('AttemptFailed', 'edge-mcp', 'one'));
});
