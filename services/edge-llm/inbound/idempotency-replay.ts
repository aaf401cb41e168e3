import { heardUntil } from '../../runtime/ask.ts';
import { RuntimeError } from '../../runtime/errors.ts';
import type { Log, Tail } from '../../runtime/log.ts';
import { type AnswerEvent, answerTopics, answerTypes } from './events.ts';
import type { KeyedRequest } from './idempotency.ts';

/** Clocks of brokers and edges differ, and a request may have been stated a moment before its key. */
const SLACK_MS = 60_000;
/** By then an append is over, and with it the doubt whether the request follows its key into the log. */
const APPENDED_MS = 10_000;

const signalled = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });

/** Opens a tail for a client that waits. @throws PARLEY_LOG_UNAVAILABLE */
const open = (log: Log, ...given: Parameters<Log['tail']>): Promise<Tail> =>
  log.tail(...given).catch((error: unknown) => {
    throw new RuntimeError('PARLEY_LOG_UNAVAILABLE', 'the log cannot be read', error);
  });

/**
 * What came of a request that was made before, by any edge: what is in the log already, then what comes.
 * @param silent called once if the log holds nothing that follows from the request although its append is long over.
 * @throws the signal's reason once it is aborted; PARLEY_LOG_UNAVAILABLE.
 */
export async function* replay(
  log: Log,
  { requestId, contextId, usedAt }: KeyedRequest,
  signal: AbortSignal,
  silent: () => void,
): AsyncGenerator<AnswerEvent> {
  const heard = heardUntil<AnswerEvent>(signal);
  let any = false;
  let over = false;
  let timer: NodeJS.Timeout | undefined;
  const opening = open(
    log,
    answerTopics,
    (record) => {
      if (record.correlationId !== requestId || record.key !== contextId) return;
      any = true;
      heard.put(record as AnswerEvent);
    },
    { from: { time: usedAt - SLACK_MS }, partitions: [log.partitionOf(contextId)], types: answerTypes },
  );
  try {
    const tail = await Promise.race([opening, signalled(signal)]);
    void tail.caughtUp.then(() => {
      if (!over) timer = setTimeout(() => any || silent(), Math.max(0, usedAt + APPENDED_MS - Date.now()));
    });
    yield* heard.each();
  } finally {
    over = true;
    clearTimeout(timer);
    void opening.then((tail) => tail.close()).catch(() => {});
  }
}

/**
 * Whether an outbound edge began to perform a request that is not safe to repeat: it says so before it calls. To be asked
 * once the request's end has been heard, which it says after it.
 * @throws the signal's reason once it is aborted; PARLEY_LOG_UNAVAILABLE.
 */
export const wasBegun = async (
  log: Log,
  { requestId, contextId, usedAt }: KeyedRequest,
  signal: AbortSignal,
): Promise<boolean> => {
  let begun = false;
  const tail = await open(
    log,
    ['mesh.attempts'],
    (record) => {
      if (record.correlationId === requestId && record.key === contextId) begun = true;
    },
    { from: { time: usedAt - SLACK_MS }, partitions: [log.partitionOf(contextId)], types: ['AttemptBegun'] },
  );
  try {
    await Promise.race([tail.caughtUp, signalled(signal)]);
  } finally {
    void tail.close().catch(() => {});
  }
  return begun;
};
