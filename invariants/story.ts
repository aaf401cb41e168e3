/** Test support: the evidence of a mesh at work, event by event, as a test would have it. */
import type { Request } from '../schemas/generated.ts';
import { auditProcessor } from '../services/audit/audit.ts';
import { type AuditedType, auditedTypes } from '../services/audit/summary.ts';
import { derivedId } from '../services/runtime/event.ts';
import type { AnyRecorded } from '../services/runtime/log.ts';
import type { Folded } from '../services/runtime/processor.ts';
import { requestForTests } from '../services/runtime/request-for-tests.ts';
import { type EventData, type EventType, type TopicName, topicOfEvent } from '../topics/index.ts';
import type { ClientAnswer, Evidence, LoggedRecord, StepEffect, UpstreamCall } from './evidence.ts';
import type { Of } from './reading.ts';

const START = Date.UTC(2026, 0, 1);
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
const asked = { subject, action: 'model.chat', resource };
const used = { meters: { input_tokens: 7, output_tokens: 3 }, estimated: false };
export const failure = {
  reason: 'CONNECTION_LOST' as const,
  message: 'lost',
  status: null,
  retryAfterMs: null,
  headers: {},
  body: null,
};

/** What follows from an event, in its conversation, and has these data. */
type Say = <T extends EventType>(cause: LoggedRecord, type: T, data: EventData[T], index?: string) => Of<T>;

export interface Story {
  say: Say;
  request(id: string, contextId: string, more?: Partial<Request>): Of<'RequestReceived'>;
  permit(request: Of<'RequestReceived'>): Of<'RequestPermitted'>;
  deny(request: Of<'RequestReceived'>): Of<'RequestDenied'>;
  dispatch(cause: LoggedRecord, request: Of<'RequestReceived'>, attempt?: number): Of<'RequestDispatched'>;
  call(dispatch: LoggedRecord): void;
  chunk(dispatch: LoggedRecord, index: number): void;
  fail(dispatch: LoggedRecord, data?: Partial<EventData['AttemptFailed']>): Of<'AttemptFailed'>;
  /** The answer, its usage, and what the client is told. */
  complete(dispatch: LoggedRecord, chunks?: number): Of<'ResponseCompleted'>;
  meter(response: LoggedRecord): Of<'UsageRecorded'>;
  /** What a step of an agent did, in a run that knew all that is in the log now. */
  effect(taskId: string, step: string, run: string): void;
  /** Puts a record in the log once more. */
  again(record: LoggedRecord): void;
  /** With an audit entry for every event. */
  evidence(): Evidence;
}

const log = () => {
  const records: LoggedRecord[] = [];
  const ends = new Map<TopicName, number>();
  const put = (event: Omit<LoggedRecord, 'topic' | 'partition' | 'offset' | 'sequence' | 'raw' | 'value'>) => {
    const topic = topicOfEvent(event.type, event.data);
    const offset = ends.get(topic) ?? 0;
    ends.set(topic, offset + 1);
    const value = Buffer.from(JSON.stringify(event.data));
    const place = { topic, partition: 0, offset, sequence: records.length };
    const record = { ...event, ...place, value, raw: { key: null, value, headers: {} } } as LoggedRecord;
    records.push(record);
    return record;
  };
  return { records, put };
};

const audit = ({ records, put }: ReturnType<typeof log>): void => {
  const processor = auditProcessor(() => 0);
  let state = processor.initialState();
  const seen = new Set<string>();
  for (const record of [...records]) {
    if (seen.has(record.id) || !auditedTypes.includes(record.type as AuditedType)) continue;
    seen.add(record.id);
    for (const { type, data } of processor.decide(record as AnyRecorded<AuditedType>, state)) {
      const id = derivedId(record.id, 'audit', 0);
      const entry = put({ ...record, id, type, source: 'audit', causationId: record.id, data } as never);
      state = processor.evolve(state, entry as unknown as Folded);
    }
  }
};

export const createStory = (): Story => {
  const written = log();
  const calls: UpstreamCall[] = [];
  const answers: ClientAnswer[] = [];
  const effects: StepEffect[] = [];
  const say: Say = (cause, type, data, index = type) =>
    written.put({
      id: derivedId(cause.id, index),
      type,
      source: 'test',
      key: cause.key,
      time: START + written.records.length,
      correlationId: cause.correlationId,
      causationId: cause.id,
      traceparent: '',
      data,
    } as never) as never;
  const story: Story = {
    say,
    request: (id, contextId, more = {}) => {
      const request = requestForTests({
        id,
        contextId,
        ...asked,
        deadline: START + 60_000,
        repeatable: true,
        fingerprint: 'f',
        ...more,
      });
      const cause = { id: '', key: contextId, correlationId: id } as LoggedRecord;
      return Object.assign(say(cause, 'RequestReceived', { request }, id), { id, causationId: '' });
    },
    permit: (request) => say(request, 'RequestPermitted', { request: request.data.request, decision }, 'decision'),
    deny: (request) => say(request, 'RequestDenied', { ...asked, reason: 'POLICY', decision }, 'decision'),
    dispatch: (cause, { data: { request } }, attempt = 1) =>
      say(cause, 'RequestDispatched', {
        request,
        decision,
        target,
        attempt,
        tried: [],
        probe: false,
        reason: 'the only one',
        configurationVersion: 'v1',
      }),
    call: (dispatch) => {
      const at = START + written.records.length;
      calls.push({ dispatchId: dispatch.id, at, logged: written.records.length });
    },
    chunk: (dispatch, index) => {
      say(dispatch, 'ResponseChunk', { index, attempt: 1, payload: Buffer.from('data: {}') }, `chunk-${index}`);
    },
    fail: (dispatch, data = {}) =>
      say(dispatch, 'AttemptFailed', {
        target,
        attempt: 1,
        tried: [target.id],
        failure,
        targetAtFault: true,
        retryable: true,
        request: null,
        decision: null,
        tool: '',
        ...data,
      }),
    complete: (dispatch, chunks = 0) => {
      const completed = say(dispatch, 'ResponseCompleted', {
        ...asked,
        ...used,
        target,
        attempt: 1,
        status: 200,
        headers: {},
        message: Buffer.from('{}'),
        chunks,
        startedAt: START,
        firstByteAt: START,
      });
      answers.push({ requestId: dispatch.correlationId, status: 200, whole: true });
      return completed;
    },
    meter: (response) =>
      say(response, 'UsageRecorded', {
        ...asked,
        ...used,
        target,
        costNanos: 0,
        currency: 'EUR',
        priced: true,
        configurationVersion: 'v1',
      }),
    effect: (taskId, step, run) => {
      const knew = written.records.length;
      effects.push({ agent: 'clerk', taskId, step, run, at: START + knew, knew });
    },
    again: (record) => {
      written.put(record);
    },
    evidence: () => {
      audit(written);
      return { records: written.records, calls, answers, effects, endedAt: START + 60_000 };
    },
  };
  return story;
};
