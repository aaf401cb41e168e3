import type { EffectSettled } from '../../../schemas/generated.ts';
import type { EventType, TopicName } from '../../../topics/index.ts';
import { firstDecision, heardUntil } from '../ask.ts';
import { RuntimeError } from '../errors.ts';
import type { AnyRecorded, Log, Tail } from '../log.ts';
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

/** What is heard of a request. */
export interface Replayed<T extends EventType> {
  topics: readonly TopicName[];
  types: readonly T[];
  /** Which of what the log knows when it is asked is still to be told; without it all is, as it is read. */
  past?(events: AnyRecorded<T>[]): AnyRecorded<T>[];
}

/**
 * What came of a request that was made before, by any edge: what is in the log already, then what comes.
 * @param silent called once if the log holds nothing that follows from the request although its append is long over.
 * @throws the signal's reason once it is aborted; PARLEY_LOG_UNAVAILABLE.
 */
export async function* replay<T extends EventType>(
  log: Log,
  { requestId, contextId, usedAt }: KeyedRequest,
  { topics, types, past }: Replayed<T>,
  signal: AbortSignal,
  silent: () => void,
): AsyncGenerator<AnyRecorded<T>> {
  const heard = heardUntil<AnyRecorded<T>>(signal);
  const counts = firstDecision();
  let before: AnyRecorded<T>[] | undefined = past && [];
  let any = false;
  let over = false;
  let timer: NodeJS.Timeout | undefined;
  const opening = open(
    log,
    topics,
    (record) => {
      if (record.correlationId !== requestId || record.key !== contextId) return;
      any = true;
      if (!counts(record)) return;
      const event = record as AnyRecorded<T>;
      if (before) before.push(event);
      else heard.put(event);
    },
    { from: { time: usedAt - SLACK_MS }, partitions: [log.partitionOf(contextId)], types },
  );
  try {
    const tail = await Promise.race([opening, signalled(signal)]);
    void tail.caughtUp.then(() => {
      if (!over) timer = setTimeout(() => any || silent(), Math.max(0, usedAt + APPENDED_MS - Date.now()));
    });
    if (past) {
      await Promise.race([tail.caughtUp, signalled(signal)]);
      for (const event of past(before ?? [])) heard.put(event);
      before = undefined;
    }
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

/**
 * What somebody found out of a request whose outcome was not known; the last word counts. Settlements are few.
 * @throws the signal's reason once it is aborted; PARLEY_LOG_UNAVAILABLE.
 */
export const settlementOf = async (
  log: Log,
  { requestId }: Pick<KeyedRequest, 'requestId'>,
  signal: AbortSignal,
): Promise<EffectSettled | undefined> => {
  let settlement: EffectSettled | undefined;
  const tail = await open(
    log,
    ['mesh.settlements'],
    (record) => {
      if (record.correlationId === requestId && record.type === 'EffectSettled') settlement = record.data;
    },
    { from: 'beginning', types: ['EffectSettled'] },
  );
  try {
    await Promise.race([tail.caughtUp, signalled(signal)]);
  } finally {
    void tail.close().catch(() => {});
  }
  return settlement;
};
