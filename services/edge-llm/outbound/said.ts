/** How far this edge came with a dispatch, as far as the log says. */
import type { Recorded } from '../../runtime/log.ts';
import { type Begun, recallingAttempts } from '../../runtime/outbound/recall-attempts.ts';

export interface Unfinished extends Begun {
  /** As they came; only so many as metering needs. */
  chunks: Recorded<'ResponseChunk'>[];
  keptBytes: number;
  count: number;
}

const MAX_KEPT_BYTES = 1024 * 1024;

export const recalling = recallingAttempts<Unfinished>(
  () => ({ chunks: [], keptBytes: 0, count: 0, failure: null }),
  (unfinished, chunk) => {
    unfinished.count += 1;
    unfinished.keptBytes += chunk.value.length;
    if (unfinished.keptBytes <= MAX_KEPT_BYTES) unfinished.chunks.push(chunk);
  },
);
