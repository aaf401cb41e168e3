import type { Event } from '../../runtime/log.ts';

/** Turns the parts of a stream into ResponseChunk events: the first at once, later ones gathered. */
export interface ChunkWriter {
  /** Waits only while too much is unwritten. @throws what `append` threw. */
  write(payload: Buffer): Promise<void>;
  /** Ends the writing: what is durable before it, and the event still to be appended, if any. @throws what `append` threw. */
  end(): Promise<Event<'ResponseChunk'>[]>;
  /** How many events there are, that of `end` included. */
  count(): number;
}

const MAX_UNWRITTEN_BYTES = 1024 * 1024;

/**
 * @param append one call at a time, so that chunks are in the log in order, retried ones too.
 * @param everyMs how long later parts are gathered.
 */
export const createChunkWriter = (
  append: (events: Event<'ResponseChunk'>[]) => Promise<void>,
  eventOf: (index: number, payload: Buffer) => Event<'ResponseChunk'>,
  everyMs: number,
): ChunkWriter => {
  let parts: Buffer[] = [];
  let bytes = 0;
  let count = 0;
  let appending: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let lastAt = Number.NEGATIVE_INFINITY;
  let ended = false;
  let failure: { error: unknown } | undefined;

  const take = (): Event<'ResponseChunk'>[] => {
    if (bytes === 0) return [];
    const payload = Buffer.concat(parts);
    parts = [];
    bytes = 0;
    return [eventOf(count++, payload)];
  };

  const start = () => {
    clearTimeout(timer);
    timer = undefined;
    lastAt = performance.now();
    appending = append(take())
      .catch((error) => {
        failure = { error };
      })
      .finally(() => {
        appending = undefined;
        schedule();
      });
  };

  const schedule = () => {
    if (ended || failure || appending || timer || bytes === 0) return;
    const wait = everyMs - (performance.now() - lastAt);
    if (wait <= 0) start();
    else timer = setTimeout(start, wait);
  };

  const check = () => {
    if (failure) throw failure.error;
  };

  return {
    write: async (payload) => {
      check();
      parts.push(payload);
      bytes += payload.length;
      schedule();
      while (bytes > MAX_UNWRITTEN_BYTES && !failure) {
        if (!appending) start();
        await appending;
      }
      check();
    },
    end: async () => {
      ended = true;
      clearTimeout(timer);
      await appending;
      check();
      return take();
    },
    count: () => count,
  };
};
