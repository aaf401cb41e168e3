/** One turn of an agent, from the client's side: what it says of its task, and the outcome of the request that began the turn. */
import type { Message, Task } from '@a2a-js/sdk';
import { applyUpdate } from '../../../runtime/a2a/apply-update.ts';
import { readUpdate, type Update } from '../../../runtime/a2a/json.ts';
import { endsTurn } from '../../../runtime/a2a/states.ts';
import type { Recorded } from '../../../runtime/log.ts';
import type { HeardEvent } from '../events.ts';
import { failed, internal, unroutable } from '../problems.ts';
import type { Updated } from './updates.ts';

/** As far as it has come. */
export interface Turn {
  task: Task | undefined;
  sequence: number;
}

/** How it ended: with a task, that ended or waits, since when; or with a message alone. */
export type TurnEnd = { task: Task; at: number } | { message: Message };

/** What comes again is passed by. @returns what is new, and whether the turn is over with it. */
const take = (turn: Turn, { data }: Updated): { update: Update; isLast: boolean } | undefined => {
  if (data.sequence <= turn.sequence) return undefined;
  const update = readUpdate(data.update);
  turn.task = applyUpdate(turn.task, update);
  turn.sequence = data.sequence;
  const { state } = turn.task?.status ?? {};
  return { update, isLast: state !== undefined && endsTurn(state) };
};

/** The message that an agent answered with instead of a task. @throws McpProblem, what `wordDenial` says */
export const answerIn = (
  event: HeardEvent,
  wordDenial: (denial: Recorded<'RequestDenied'>['data']) => Error,
): Message | undefined => {
  switch (event.type) {
    case 'RequestDenied':
      throw wordDenial(event.data);
    case 'RequestUnroutable':
      throw unroutable(event.data);
    case 'ResponseFailed':
      throw failed(event.data);
    case 'ResponseCompleted': {
      const update = readUpdate(event.data.message);
      return update.$case === 'message' ? update.value : undefined;
    }
    default:
      throw internal();
  }
};

/**
 * @param turn goes on with what is heard, and stays as it is where the signal is aborted.
 * @param late called when the outcome is known and what the agent said is not: they are in two topics.
 * @throws what the two throw that are listened to
 */
export const followTurn = async (
  turn: Turn,
  changes: AsyncGenerator<Updated>,
  outcome: Promise<Message | undefined>,
  tell: (update: Update) => Promise<void>,
  late: () => void,
): Promise<TurnEnd> => {
  const answer = outcome.then((message) => ({ message }));
  // It may fail while nobody waits for it any more.
  answer.catch(() => {});
  let waited: (typeof answer)[] = [answer];
  try {
    for (let change = changes.next(); ; ) {
      const first = await Promise.race([change, ...waited]);
      if ('message' in first) {
        if (first.message) return { message: first.message };
        waited = [];
        late();
        continue;
      }
      if (first.done) throw internal();
      const taken = take(turn, first.value);
      if (taken?.isLast && turn.task) return { task: turn.task, at: first.value.time };
      if (taken) await tell(taken.update);
      change = changes.next();
    }
  } finally {
    // It may be waiting, until the signal is aborted.
    changes.return(undefined).catch(() => {});
  }
};
