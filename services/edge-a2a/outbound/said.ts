/** What this edge said before about dispatches that it may be handed again. */
import { finish, type Recalling } from '../../runtime/outbound/recall.ts';
import { type Begun, recallingAttempts } from '../../runtime/outbound/recall-attempts.ts';

/** A message that was about to be sent, and of which nothing more is said. */
export type Unfinished = Begun;

const attempts = recallingAttempts<Unfinished>(() => ({ failure: null }));

/** With the first report of a turn a dispatch is done with. */
export const recalling: Recalling<Unfinished, (typeof attempts.types)[number] | 'TaskReported'> = {
  topics: [...attempts.topics, 'mesh.reports'],
  types: [...attempts.types, 'TaskReported'],
  add: (said, event) => {
    if (event.type !== 'TaskReported') attempts.add(said, event);
    else if (event.data.turn) finish(said, event.causationId);
  },
};
