/** Questions of servers in the simulation: clients of every kind answer them, and each promise is seen to be broken by a broken mesh. */
import { expect, test } from 'vitest';
import type { AnyRecorded, Event, Log } from '../../services/runtime/log.ts';
import { isQuestion, readChunk } from '../../services/runtime/mcp/message.ts';
import { askingTools, withData, withLog } from '../broken.ts';
import { simulate } from '../simulate.ts';
import { serverOffers } from './offers.ts';

const TIMEOUT_MS = 300_000;
const servers = () => serverOffers;
const answering = { questions: 2, times: 2, afterMs: 50, isForestalled: true };
const books = { server: 'books', tool: 'lend', answering, withinMs: 20_000 };
const files = { ...books, server: 'files', tool: 'send' };
const task = { looks: 5, cancelAfterMs: 0 };
/** A session each, one without, and a task. */
const toolAsks = askingTools(
  { ...books, session: 's0 of books' },
  { ...books, session: 's1 of books' },
  { ...files, session: 's0 of files' },
  { ...books, at: 2_600 },
  { ...files, at: 2_600 },
  { ...books, at: 2_700, task, takesMs: 1_000 },
);

test(
  'questions are put to clients in sessions, without, and to those of tasks; they answer, all of them, and nobody else does',
  async () => {
    const answered = new Set<string>();
    for (let seed = 1; seed <= 12; seed++) {
      const { heard, violations } = await simulate(seed, { servers, toolAsks, taskAsks: () => [], faults: [] });
      expect(violations).toEqual([]);
      for (const { call, said } of heard) if (said) answered.add(call.replace(/ again .*/, ''));
    }
    expect([...answered].sort()).toEqual([0, 1, 2, 3, 4, 5].map((i) => `call ${i}.`));
  },
  TIMEOUT_MS,
);

interface Asked {
  key: string;
  correlationId: string;
  inputId: string;
}
const askedBy = ({ type, key, correlationId, data }: Event): Asked[] => {
  const chunk = type === 'ResponseChunk' ? readChunk((data as { payload: Uint8Array }).payload) : undefined;
  return chunk && isQuestion(chunk) ? [{ key, correlationId, inputId: chunk.id }] : [];
};

/** An answer as if it were one to another question. */
const redirected = (record: AnyRecorded, { key, correlationId, inputId }: Asked): AnyRecorded =>
  Object.defineProperties(withData(record, { ...record.data, inputId }), {
    key: { value: key },
    correlationId: { value: correlationId },
  });

/** The edge to servers, which sees each answer together with what was asked last, and is told of each question. */
const answersHeard = (
  hear: (record: AnyRecorded, last: Asked | undefined, see: (record: AnyRecorded) => void) => void,
  ask: (asked: Asked) => void = () => {},
) =>
  withLog('tools outbound', (log): Partial<Log> => {
    let last: Asked | undefined;
    return {
      append: (events, signal) => {
        for (const asked of events.flatMap(askedBy)) {
          last = asked;
          ask(asked);
        }
        return log.append(events, signal);
      },
      tail: (topics, see, options) =>
        log.tail(
          topics,
          (record) => (record.type === 'InputProvided' ? hear(record, last, see) : see(record)),
          options,
        ),
    };
  });

const toTheLast = answersHeard((record, last, see) => see(last ? redirected(record, last) : record));

const again = () => {
  let replay: (asked: Asked) => void = () => {};
  return answersHeard(
    (record, _last, see) => {
      replay = (asked) => see(redirected(record, asked));
      see(record);
    },
    (asked) => replay(asked),
  );
};

test.each([
  { how: 'an answer is taken for one to what was asked last', parts: toTheLast, found: 'answers belong' },
  { how: 'an answer is given to the next question too', parts: again(), found: 'answers once' },
  { how: 'whose answer it is nobody looks at', parts: toTheLast, found: 'answers own' },
])(
  '$how: $found',
  async ({ parts, found }) => {
    for (let seed = 1; seed <= 60; seed++) {
      const { violations } = await simulate(seed, { parts, faults: [], servers, toolAsks, taskAsks: () => [] });
      if (violations.some(({ invariant }) => invariant === found)) return;
    }
    expect.fail('nothing was found in 60 seeds');
  },
  TIMEOUT_MS,
);
