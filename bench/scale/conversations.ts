/** A whole conversation of one request, as the services state it: to fill a log without making the calls. */
import { hash } from 'node:crypto';
import type { Decision, Request, Target } from '../../schemas/generated.ts';
import { type Cause, follow } from '../../services/runtime/event.ts';
import type { Event } from '../../services/runtime/log.ts';
import type { EventData, EventType } from '../../topics/index.ts';
import { ANSWER, MODEL, requestBody } from '../call.ts';

/** What tells one conversation from another. */
export interface Identity {
  /** UUIDv7 of the conversation, without its tenant. */
  id: string;
  /** UUIDv7. */
  requestId: string;
  /** W3C; the same on each event. */
  traceparent: string;
  /** When it was asked, milliseconds since the epoch. */
  time: number;
  /** What was in force. */
  configurationVersion: string;
}

const MESSAGE = Buffer.from(requestBody(false));
const FINGERPRINT = hash('sha256', MESSAGE, 'hex');
/** As bench/mock-upstream.ts answers. */
const COMPLETION = Buffer.from(
  JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion',
    created: 1_760_000_000,
    model: MODEL,
    system_fingerprint: 'fp_bench',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: ANSWER, refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: { prompt_tokens: 58, completion_tokens: 22, total_tokens: 80 },
  }),
);
const TIMEOUT_MS = 60_000;

const subject = {
  tenant: 'bench',
  unit: 'research',
  agent: 'load',
  person: 'owner@example.com',
  credential: 'load',
  actors: [],
};
const resource = { type: 'model', id: MODEL };
const target: Target = { id: `mock/${MODEL}`, connection: 'mock', name: MODEL };
const meters = { input_tokens: 58, output_tokens: 22 };

/** The conversation's key on hot topics. */
export const contextOf = ({ id }: Pick<Identity, 'id'>): string => `bench:${id}`;

/** In the order in which they are stated: received, permitted, dispatched, completed, used. Ids are those that services derive. */
export const conversation = (identity: Identity): Event[] => {
  const { requestId, traceparent, time, configurationVersion } = identity;
  const request: Request = {
    id: requestId,
    contextId: contextOf(identity),
    subject,
    action: 'model.chat',
    resource,
    protocol: 'openai.chat',
    deadline: time + TIMEOUT_MS,
    repeatable: true,
    streaming: false,
    fingerprint: FINGERPRINT,
    headers: {},
    message: MESSAGE,
    spans: [],
    taskId: '',
    parentTaskId: '',
    arguments: {},
  };
  const decision: Decision = { configurationVersion, policies: ['bench'], reason: 'permitted by bench' };
  const received: Event<'RequestReceived'> = {
    id: requestId,
    type: 'RequestReceived',
    source: 'edge-llm',
    key: request.contextId,
    time,
    correlationId: requestId,
    causationId: '',
    traceparent,
    data: { request },
  };
  const after = <T extends EventType>(
    cause: Cause,
    source: string,
    index: number | string,
    afterMs: number,
    type: T,
    data: EventData[T],
  ) => follow(source, cause, index, type, data, time + afterMs);
  const permitted = after(received, 'policy', 0, 1, 'RequestPermitted', { request, decision });
  const dispatched = after(permitted, 'routing', 'route', 2, 'RequestDispatched', {
    request,
    decision,
    target,
    attempt: 1,
    tried: [],
    probe: false,
    reason: 'weight 1 in tier 0, 1 available',
    configurationVersion,
  });
  const completed = after(dispatched, 'edge-llm', 'outcome', 5, 'ResponseCompleted', {
    subject,
    action: request.action,
    resource,
    target,
    attempt: 1,
    status: 200,
    headers: {},
    message: COMPLETION,
    chunks: 0,
    meters,
    estimated: false,
    startedAt: time + 3,
    firstByteAt: time + 4,
  });
  const used = after(completed, 'metering', 0, 250, 'UsageRecorded', {
    subject,
    action: request.action,
    resource,
    target,
    meters,
    estimated: false,
    costNanos: 21_900,
    currency: 'USD',
    priced: true,
    configurationVersion,
  });
  return [received, permitted, dispatched, completed, used];
};

/** An attempt of some other conversation that failed for good, as an outbound edge states it just before it is killed. */
export const failedAttempt = (id: string, time: number): Event<'AttemptFailed'> => ({
  id,
  type: 'AttemptFailed',
  source: 'edge-llm',
  key: contextOf({ id }),
  time,
  correlationId: id,
  causationId: id,
  traceparent: '',
  data: {
    target,
    attempt: 1,
    tried: [target.id],
    failure: {
      reason: 'REQUEST_REFUSED',
      message: 'refused by bench',
      status: 400,
      retryAfterMs: null,
      headers: {},
      body: null,
    },
    targetAtFault: false,
    retryable: false,
    request: null,
    decision: null,
    tool: '',
  },
});
