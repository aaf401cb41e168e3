import type * as mesh from '../../../schemas/generated.ts';
import type { AnyRecorded, Recorded } from '../log.ts';
import { finish, type Recalling } from './recall.ts';

/** A dispatch that was begun, and of whose end nothing is said. */
export interface Begun {
  /** How it ended, where that alone was still said: an attempt that was not to be repeated. */
  failure: mesh.Failure | null;
}

type Ends = 'AttemptBegun' | 'AttemptFailed' | 'ResponseCompleted' | 'ResponseFailed';
const ends: readonly Ends[] = ['AttemptBegun', 'AttemptFailed', 'ResponseCompleted', 'ResponseFailed'];

/**
 * How far an edge came with its dispatches, by their attempts and outcomes.
 * @param fresh what is known of a dispatch that was just begun.
 * @param chunk adds a part of an answer to it; without it none are read.
 */
export const recallingAttempts = <Unfinished extends Begun>(
  fresh: () => Unfinished,
  chunk?: (unfinished: Unfinished, event: Recorded<'ResponseChunk'>) => void,
): Recalling<Unfinished, Ends | 'ResponseChunk'> => ({
  topics: ['mesh.responses', 'mesh.attempts'],
  types: chunk ? [...ends, 'ResponseChunk'] : ends,
  add: (said, event: AnyRecorded<Ends | 'ResponseChunk'>) => {
    const dispatch = event.causationId;
    if (said.finished.has(dispatch)) return;
    const begun = (): Unfinished => {
      const known = said.unfinished.get(dispatch) ?? fresh();
      said.unfinished.set(dispatch, known);
      return known;
    };
    switch (event.type) {
      case 'ResponseCompleted':
      case 'ResponseFailed':
        finish(said, dispatch);
        return;
      case 'AttemptBegun':
        begun();
        return;
      case 'ResponseChunk':
        chunk?.(begun(), event);
        return;
      case 'AttemptFailed':
        // Routing decides what follows; otherwise the end itself is missing, and how it ended is known.
        if (event.data.retryable) finish(said, dispatch);
        else begun().failure = event.data.failure;
    }
  },
});
