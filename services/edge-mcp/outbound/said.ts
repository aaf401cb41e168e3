/** How far this edge came with a dispatch, as far as the log says. */
import { type Begun, recallingAttempts } from '../../runtime/outbound/recall-attempts.ts';

export interface Unfinished extends Begun {
  chunks: number;
}

export const recalling = recallingAttempts<Unfinished>(
  () => ({ chunks: 0, failure: null }),
  (unfinished) => {
    unfinished.chunks += 1;
  },
);
