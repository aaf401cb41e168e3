/** Test support: the events of whole conversations, as services would state them. */
import type { EventData, EventType } from '../../topics/index.ts';
import { newId } from '../runtime/event.ts';
import type { Event } from '../runtime/log.ts';
import { requestForTests } from '../runtime/request-for-tests.ts';

const subject = {
  tenant: 'acme',
  unit: 'support',
  agent: 'bot',
  person: 'lead@acme.example',
  credential: 'key-1',
  actors: [],
};
const resource = { type: 'model', id: 'small' };
const target = { id: 'openai/small', connection: 'openai', name: 'small' };
const decision = { configurationVersion: 'v1', policies: ['all'], reason: 'permitted by all' };

export const event = <T extends EventType>(
  type: T,
  source: string,
  key: string,
  correlationId: string,
  data: EventData[T],
): Event<T> => ({
  id: newId(),
  type,
  source,
  key,
  time: Date.now(),
  correlationId,
  causationId: '',
  traceparent: '',
  data,
});

/** A request that was served, whole: received, permitted, dispatched, one chunk, completed. */
export const served = (contextId: string, messageBytes = 1_000): Event[] => {
  const request = requestForTests({
    id: newId(),
    contextId,
    subject,
    resource,
    repeatable: true,
    streaming: true,
    fingerprint: 'f',
    message: Buffer.alloc(messageBytes, 'a'),
  });
  const of = <T extends EventType>(type: T, source: string, data: EventData[T]) =>
    event(type, source, contextId, request.id, data);
  return [
    of('RequestReceived', 'edge-llm', { request }),
    of('RequestPermitted', 'policy', { request, decision }),
    of('RequestDispatched', 'routing', {
      request,
      decision,
      target,
      attempt: 1,
      tried: [],
      probe: false,
      reason: 'the only target',
      configurationVersion: 'v1',
    }),
    of('ResponseChunk', 'edge-llm', { index: 0, attempt: 1, payload: Buffer.from('data: {}') }),
    of('ResponseCompleted', 'edge-llm', {
      subject,
      action: 'model.chat',
      resource,
      target,
      attempt: 1,
      status: 200,
      headers: {},
      message: Buffer.alloc(messageBytes, 'b'),
      chunks: 1,
      meters: { input_tokens: 10, output_tokens: 3 },
      estimated: false,
      startedAt: Date.now(),
      firstByteAt: Date.now(),
    }),
  ];
};

export const cancelled = (contextId: string): Event<'CancelRequested'> =>
  event('CancelRequested', 'edge-llm', contextId, newId(), { reason: 'CLIENT_GONE' });

export const turnedAway = (): Event<'AuthenticationFailed'> =>
  event('AuthenticationFailed', 'edge-llm', newId(), newId(), {
    protocol: 'openai.chat',
    reason: 'UNKNOWN',
    credential: '',
    count: 2,
  });

export const configured = (version: string): Event<'MeshConfigured'> =>
  event('MeshConfigured', 'configuration', version, version, { version, previousVersion: null, document: '{}' });

export const breakerOpened = (id: string): Event<'BreakerOpened'> =>
  event('BreakerOpened', 'routing', id, newId(), { target: id, reason: '5 in a row', failures: 5, until: 1 });
