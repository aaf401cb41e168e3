import type { ServiceName } from '../../../topics/index.ts';
import { newId } from '../event.ts';
import type { Event } from '../log.ts';
import type { AuthenticationProblem } from './authentication.ts';

const SINGLES_A_SECOND = 10;
const SECOND_MS = 1_000;

/**
 * States failed authentications: up to 10 a second each by itself; what is beyond that is counted and stated a second later,
 * one event per kind of problem. So a flood of wrong keys is on record and floods nothing.
 * @param source the edge that turned them away.
 * @param state is handed each event.
 */
export const authenticationReports = (
  source: ServiceName,
  state: (event: Event<'AuthenticationFailed'>) => void,
  now: () => number,
): {
  report(problem: AuthenticationProblem, presented: string, protocol: string, traceparent: string): void;
  /** States what is still only counted. */
  close(): void;
} => {
  let stated = 0;
  let timer: NodeJS.Timeout | undefined;
  const counted = new Map<string, { problem: AuthenticationProblem; protocol: string; count: number }>();

  const event = (
    problem: AuthenticationProblem,
    credential: string,
    protocol: string,
    count: number,
    traceparent: string,
  ): Event<'AuthenticationFailed'> => {
    const id = newId(now());
    return {
      id,
      type: 'AuthenticationFailed',
      source,
      key: newId(now()),
      time: now(),
      correlationId: id,
      causationId: '',
      traceparent,
      data: { protocol, reason: problem, credential, count },
    };
  };

  const flush = () => {
    for (const { problem, protocol, count } of counted.values()) state(event(problem, '', protocol, count, ''));
    stated = counted.size;
    counted.clear();
    timer = stated > 0 ? setTimeout(flush, SECOND_MS) : undefined;
  };

  return {
    report: (problem, presented, protocol, traceparent) => {
      timer ??= setTimeout(flush, SECOND_MS);
      if (stated < SINGLES_A_SECOND) {
        stated += 1;
        state(event(problem, presented, protocol, 1, traceparent));
        return;
      }
      const key = `${problem} ${protocol}`;
      const soFar = counted.get(key)?.count ?? 0;
      counted.set(key, { problem, protocol, count: soFar + 1 });
    },
    close: () => {
      clearTimeout(timer);
      flush();
      clearTimeout(timer);
    },
  };
};
