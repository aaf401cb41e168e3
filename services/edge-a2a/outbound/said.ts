/** What this edge said before about dispatches that it may be handed again. */
import type * as mesh from '../../../schemas/generated.ts';
import { finish, type Recalling } from '../../runtime/outbound/recall.ts';

/** A message that was about to be sent, and of which nothing more is said. */
export interface Unfinished {
  /** How it ended, where that alone was still said: an attempt that was not to be repeated. */
  failure: mesh.Failure | null;
}

type Types = 'AttemptBegun' | 'AttemptFailed' | 'ResponseCompleted' | 'ResponseFailed' | 'TaskReported';

/** With the first report of a turn a dispatch is done with. */
export const recalling: Recalling<Unfinished, Types> = {
  topics: ['mesh.responses', 'mesh.attempts', 'mesh.reports'],
  types: ['AttemptBegun', 'AttemptFailed', 'ResponseCompleted', 'ResponseFailed', 'TaskReported'],
  add: (said, event) => {
    const dispatch = event.causationId;
    if (said.finished.has(dispatch)) return;
    switch (event.type) {
      case 'ResponseCompleted':
      case 'ResponseFailed':
        finish(said, dispatch);
        return;
      case 'TaskReported':
        if (event.data.turn) finish(said, dispatch);
        return;
      case 'AttemptBegun':
        said.unfinished.set(dispatch, { failure: null });
        return;
      case 'AttemptFailed':
        // Routing decides what follows; otherwise the end itself is missing, and how it ended is known.
        if (event.data.retryable) finish(said, dispatch);
        else said.unfinished.set(dispatch, { failure: event.data.failure });
    }
  },
};
