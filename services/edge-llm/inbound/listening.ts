import type { EffectSettled, Failure } from '../../../schemas/generated.ts';
import type { Asker } from '../../runtime/ask.ts';
import type { IdempotencyKeys } from '../../runtime/edge/idempotency.ts';
import { createAskUnderKey, type Listening } from '../../runtime/edge/idempotency-asking.ts';
import { inWords } from '../../runtime/edge/idempotency-outcome.ts';
import { outcomeTopics } from '../../runtime/edge/outcomes.ts';
import type { Log } from '../../runtime/log.ts';
import { edgeProblems, type Problem } from '../openai/errors.ts';
import { type Call, received, SOURCE } from './call.ts';
import { type AnswerEvent, answerTypes } from './events.ts';

/** A call that is refused once it is known what became of an earlier one. */
export class CallRefused extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

export interface Mesh {
  /** With bounded appends. */
  log: Log;
  asker: Asker<(typeof answerTypes)[number]>;
  keys: IdempotencyKeys;
  now(): number;
}

const refusals = {
  mismatch: () => new CallRefused(edgeProblems.idempotencyMismatch()),
  tooManyReplays: () => new CallRefused(edgeProblems.tooManyInFlight()),
};

/** A failure of a call that took effect all the same. */
const afterAll = (failure: Failure, settlement: EffectSettled): Failure => ({
  ...failure,
  message: `${failure.message} ${inWords(settlement)}`,
  body: null,
});

const settledEnd = (event: AnswerEvent, settlement: EffectSettled): AnswerEvent => {
  if (event.type !== 'ResponseFailed' && event.type !== 'RequestUnroutable') return event;
  const { failure } = event.data;
  if (!failure) return event;
  // The attributes of a record that its client is not told of are left out with its data.
  return { type: event.type, data: { ...event.data, failure: afterAll(failure, settlement) } } as AnswerEvent;
};

/** How calls are stated and what follows from them is heard. */
export const createListener = (mesh: Mesh) => {
  const { asker, now } = mesh;
  const askUnderKey = createAskUnderKey({
    ...mesh,
    source: SOURCE,
    topics: outcomeTopics,
    types: answerTypes,
    refusals,
  });

  async function* withKey(call: Call, scope: string, listening: Listening, signal: AbortSignal) {
    const { asked, requestId, traceparent, stored } = call;
    const { contextId, fingerprint, protocol, repeatable, streaming } = asked;
    const keyed = {
      ...{ scope, requestId, contextId, fingerprint, protocol, repeatable, streaming, traceparent, stored },
      isSame: (other: { fingerprint: string; contextId: string }) =>
        other.fingerprint === fingerprint && other.contextId === contextId,
      received: (id: string, time: number) => received(call, id, time),
    };
    for await (const event of askUnderKey(keyed, listening, signal))
      yield listening.settlement ? settledEnd(event, listening.settlement) : event;
  }

  return {
    /**
     * States a call, or finds the earlier one that its idempotency key names, and yields what follows from it. The caller
     * stops at the event that answers it.
     * @throws CallRefused; the signal's reason once it is aborted; PARLEY_LOG_UNAVAILABLE.
     */
    listen: (call: Call, listening: Listening, signal: AbortSignal): AsyncGenerator<AnswerEvent> => {
      if (call.scope !== undefined) return withKey(call, call.scope, listening, signal);
      const request = received(call, call.requestId, now());
      Object.assign(listening, { requestId: call.requestId, stated: request, replayed: false });
      return asker.ask([request], call.requestId, signal, ([offset]) => call.stored(offset!));
    },
  };
};
