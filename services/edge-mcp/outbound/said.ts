/** How far this edge came with a dispatch, as far as the log says. */
import type * as mesh from '../../../schemas/generated.ts';
import type { AnyRecorded } from '../../runtime/log.ts';
import { finish, type Recalling, type Said } from '../../runtime/outbound/recall.ts';

/** A dispatch that was begun, and of whose end nothing is said. */
export interface Unfinished {
  chunks: number;
  /** How it ended, where that alone was still said: an attempt that was not to be repeated. */
  failure: mesh.Failure | null;
}

const types = ['AttemptBegun', 'AttemptFailed', 'ResponseChunk', 'ResponseCompleted', 'ResponseFailed'] as const;
type Type = (typeof types)[number];

const begun = ({ unfinished }: Said<Unfinished>, id: string): Unfinished => {
  const known = unfinished.get(id) ?? { chunks: 0, failure: null };
  unfinished.set(id, known);
  return known;
};

const add = (said: Said<Unfinished>, event: AnyRecorded<Type>): void => {
  const dispatch = event.causationId;
  if (said.finished.has(dispatch)) return;
  switch (event.type) {
    case 'ResponseCompleted':
    case 'ResponseFailed':
      finish(said, dispatch);
      return;
    case 'AttemptBegun':
      begun(said, dispatch);
      return;
    case 'ResponseChunk':
      begun(said, dispatch).chunks += 1;
      return;
    case 'AttemptFailed':
      // Routing decides what follows; otherwise the end itself is missing, and how it ended is known.
      if (event.data.retryable) finish(said, dispatch);
      else begun(said, dispatch).failure = event.data.failure;
  }
};

export const recalling: Recalling<Unfinished, Type> = { topics: ['mesh.responses', 'mesh.attempts'], types, add };
