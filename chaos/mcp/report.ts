/** What a run showed of MCP. Pure. */
import { type Counts, countBy } from '../counts.ts';
import { isGood } from '../load.ts';
import type { ToolEntry } from './access-log.ts';
import type { SessionSeen, ToolCall } from './load.ts';

export interface ToolRun {
  calls: readonly ToolCall[];
  sessions: readonly SessionSeen[];
  entries: readonly ToolEntry[];
  /** By the argument that only one try has. */
  requests: ReadonlyMap<string, readonly string[]>;
}

export interface ToolReport {
  calls: { made: number; tries: number; answersByStatus: Counts; answered: number };
  /** `withoutRequest`: calls that no request in the log explains; `twice`: side effects beyond the first of a request. */
  upstream: { calls: number; byStatus: Counts; withoutRequest: number; twice: number };
  /** `notFound`: answers that there is none, of which a retry found it but for those of sessions that were given up. */
  sessions: { opened: number; notFound: number; givenUp: number };
}

export const toolReportOf = ({ calls, sessions, entries, requests }: ToolRun): ToolReport => {
  const tries = calls.flatMap((call) => call.tries);
  const effects = entries.filter(({ tool, status }) => tool !== 'look' && status !== 429);
  return {
    calls: {
      made: calls.length,
      tries: tries.length,
      answersByStatus: countBy(tries, ({ status, whole }) =>
        status === 0 ? 'none' : `${status}${whole ? '' : ' cut'}`,
      ),
      answered: calls.filter((call) => call.tries.some(isGood)).length,
    },
    upstream: {
      calls: entries.length,
      byStatus: countBy(entries, ({ status }) => (status === 0 ? 'none' : String(status))),
      withoutRequest: entries.filter(({ call }) => !requests.has(call)).length,
      twice: effects.length - new Set(effects.map(({ call }) => call)).size,
    },
    sessions: {
      opened: sessions.length,
      notFound: sessions.reduce((sum, { notFound }) => sum + notFound, 0),
      givenUp: sessions.filter(({ givenUp }) => givenUp).length,
    },
  };
};
