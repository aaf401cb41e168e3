import type { EventType, TopicName } from '../../topics/index.ts';
import type { AnyRecorded, Event, Log, Tail } from './log.ts';

type Listener = (record: AnyRecorded) => void;

/** Request and response over the log: there is no reply topic, the answer is the conversation itself. */
export interface Asker<T extends EventType> {
  /**
   * Appends `events`, then yields each event of the asker's types with this correlation id until the caller stops.
   * @param appended told the events' offsets, once they are durable.
   * @throws what `Log.append` throws; the signal's reason once it is aborted.
   */
  ask(
    events: readonly Event[],
    correlationId: string,
    signal: AbortSignal,
    appended?: (offsets: readonly number[]) => void,
  ): AsyncGenerator<AnyRecorded<T>>;
  /** Yields as `ask` does, of a request that was made before. */
  listen(correlationId: string, signal: AbortSignal): AsyncGenerator<AnyRecorded<T>>;
  close(): Promise<void>;
}

const PATIENCE_MS = 50;

/** Hands on what is put to whoever asks for each, in order and as it comes. `each` throws the signal's reason once it is aborted. */
export const heardUntil = <T>(signal: AbortSignal): { put(one: T): void; each(): AsyncGenerator<T, never> } => {
  const waiting: T[] = [];
  let wake = () => {};
  const abort = () => wake();
  async function* each(): AsyncGenerator<T, never> {
    signal.addEventListener('abort', abort);
    try {
      for (;;) {
        signal.throwIfAborted();
        if (waiting.length > 0) yield waiting.shift() as T;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }
  const put = (one: T) => {
    waiting.push(one);
    wake();
  };
  return { put, each };
};

/**
 * Which events count of those that are heard of one request: of two decisions the first. A denial after its permission is that of
 * an instance of policy that was given up, and landed late.
 */
export const firstDecision = (): ((event: AnyRecorded) => boolean) => {
  let permitted = false;
  return ({ type }) => {
    permitted ||= type === 'RequestPermitted';
    return !(permitted && type === 'RequestDenied');
  };
};

/**
 * Listens before it speaks: resolves once it is at the end of the topics.
 * @param topics where what is waited for most is; `rarer` may come a few hundredths of a second later.
 */
export const startAsker = async <T extends EventType>(
  log: Log,
  { topics, rarer }: { topics: readonly TopicName[]; rarer: readonly TopicName[] },
  types: readonly T[],
): Promise<Asker<T>> => {
  const listeners = new Map<string, Set<Listener>>();
  const see = (record: AnyRecorded) => {
    for (const listener of listeners.get(record.correlationId) ?? []) listener(record);
  };
  const tails: Tail[] = await Promise.all([
    log.tail(topics, see, { from: 'end', types }),
    log.tail(rarer, see, { from: 'end', types, patienceMs: PATIENCE_MS }),
  ]);

  async function* hear(correlationId: string, signal: AbortSignal, speak: () => Promise<void>) {
    const heard = heardUntil<AnyRecorded<T>>(signal);
    const counts = firstDecision();
    const listener: Listener = (record) => {
      if (counts(record)) heard.put(record as AnyRecorded<T>);
    };
    const all = listeners.get(correlationId) ?? new Set();
    listeners.set(correlationId, all.add(listener));
    try {
      signal.throwIfAborted();
      await speak();
      yield* heard.each();
    } finally {
      all.delete(listener);
      if (all.size === 0) listeners.delete(correlationId);
    }
  }

  return {
    ask: (events, correlationId, signal, appended) =>
      hear(correlationId, signal, async () => {
        const offsets = await log.append(events, signal);
        appended?.(offsets);
      }),
    listen: (correlationId, signal) => hear(correlationId, signal, async () => {}),
    close: async () => {
      await Promise.all(tails.map((tail) => tail.close()));
    },
  };
};
