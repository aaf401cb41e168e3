/** One turn of an agent, from the client's side: its request in the log, and what follows from it. */
import type { Message } from '@a2a-js/sdk';
import { readUpdate } from '../../runtime/a2a/json.ts';
import { endsTurn } from '../../runtime/a2a/states.ts';
import type { Asker } from '../../runtime/ask.ts';
import type { outcomeTypes } from '../../runtime/edge/outcomes.ts';
import type { AnyRecorded, Event } from '../../runtime/log.ts';
import type { TaskChange } from '../view/changes.ts';
import type { View } from '../view/view.ts';
import { errorOfDenial, errorOfFailure, MeshError } from './errors.ts';
import type { Visitor } from './visitor.ts';

/** What ends a turn without a word about a task, or says that one has ended. */
export type Outcome = AnyRecorded<(typeof outcomeTypes)[number]>;

/** For how long the view may be behind the outcome of a turn. */
const VIEW_MS = 5_000;

export type TurnStep = { change: TaskChange; message?: undefined } | { message: Message; change?: undefined };

/** The last change of a turn: a state that ends it, said by the agent. */
export const isLast = ({ change }: TurnStep): boolean => {
  if (!change) return true;
  const { $case } = change.update;
  return ($case === 'task' || $case === 'statusUpdate') && endsTurn(change.known.task.status!.state);
};

const errorOf = (outcome: Exclude<Outcome, { type: 'ResponseCompleted' }>): Error => {
  switch (outcome.type) {
    case 'RequestDenied':
      return errorOfDenial(outcome.data.reason, outcome.data.decision.reason);
    case 'ResponseFailed':
      return errorOfFailure(outcome.data.failure);
    case 'RequestUnroutable': {
      const { failure, reason } = outcome.data;
      return failure
        ? errorOfFailure(failure)
        : new MeshError('UNAVAILABLE', reason, `The agent cannot be reached just now (${reason}).`);
    }
  }
};

/** The message that an agent answered with instead of a task. @throws as `errorOf` says */
const messageOf = (outcome: Outcome): Message | undefined => {
  if (outcome.type !== 'ResponseCompleted') throw errorOf(outcome);
  const update = readUpdate(outcome.data.message);
  return update.$case === 'message' ? update.value : undefined;
};

/**
 * States `events`, then yields what becomes of the request, up to a step that `isLast`.
 * @throws what `Log.append` throws, an A2AError for a refusal, the visitor's reason to end.
 */
export async function* askAgent(
  { view, asker }: { view: View; asker: Asker<(typeof outcomeTypes)[number]> },
  events: readonly Event[],
  requestId: string,
  { signal, end: giveUp }: Pick<Visitor, 'signal' | 'end'>,
): AsyncGenerator<TurnStep, void, undefined> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const changes = view.hear(requestId, either, giveUp);
  const outcomes = asker.ask(events, requestId, either);
  const end = outcomes.next().then(({ value }) => ({ message: messageOf(value as Outcome) }));
  // It may fail while nobody waits for it: the turn has ended, or the client has left.
  end.catch(() => {});
  let ended: (typeof end)[] = [end];
  let late: NodeJS.Timeout | undefined;
  try {
    for (let change = changes.next(); ; ) {
      const first = await Promise.race([change, ...ended]);
      signal.throwIfAborted();
      if ('message' in first) {
        if (first.message) return yield { message: first.message };
        ended = [];
        late = setTimeout(() => over.abort(), VIEW_MS);
        continue;
      }
      if (first.done) return;
      yield { change: first.value };
      if (isLast({ change: first.value })) return;
      change = changes.next();
    }
  } finally {
    clearTimeout(late);
    over.abort();
    await Promise.allSettled([changes.return(), outcomes.return(undefined)]);
  }
}
