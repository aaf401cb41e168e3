import type { Setting } from './compare.ts';

const WIDTH = 20;

/** How far a comparison is. @param spentMs on the runs that are done */
export const progressLine = (
  { round, stream, inFlight, via }: Setting,
  rounds: number,
  done: number,
  total: number,
  spentMs: number,
): string => {
  const filled = Math.floor((WIDTH * done) / total);
  const left = done === 0 ? '' : `, ${Math.ceil(((spentMs / done) * (total - done)) / 60_000)} min left`;
  const bar = `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)}`;
  const what = `${inFlight} ${stream ? 'streams' : 'calls'} in flight, ${via === 'direct' ? 'direct' : 'through Parley'}`;
  return `${bar} ${done}/${total}  round ${round + 1} of ${rounds}: ${what}${left}`;
};
