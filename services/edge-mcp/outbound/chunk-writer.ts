import type { Event } from '../../runtime/log.ts';

/** Turns what a server says in the course of a call into ResponseChunk events, one a message, in order. */
export interface ChunkWriter {
  /** What is written while something is being appended is appended together. */
  write(payload: Buffer): void;
  /** Resolves when all that was written is durable. @throws what `append` threw */
  written(): Promise<void>;
  count(): number;
}

/** Kafka measures what goes to one partition in one request as a whole. */
const MAX_TOGETHER_BYTES = 1024 * 1024;

/** @param append one call at a time. @param failed told when it throws: nothing is written after that */
export const createChunkWriter = (
  append: (events: Event<'ResponseChunk'>[]) => Promise<void>,
  eventOf: (index: number, payload: Buffer) => Event<'ResponseChunk'>,
  failed: (error: unknown) => void,
): ChunkWriter => {
  const queue: Event<'ResponseChunk'>[] = [];
  let count = 0;
  let appending: Promise<void> | undefined;
  let failure: { error: unknown } | undefined;

  const take = () => {
    let bytes = 0;
    const upTo = queue.findIndex(({ data }, index) => {
      bytes += data.payload.length;
      return index > 0 && bytes > MAX_TOGETHER_BYTES;
    });
    return queue.splice(0, upTo < 0 ? queue.length : upTo);
  };

  const drain = async () => {
    while (queue.length > 0 && !failure) {
      try {
        await append(take());
      } catch (error) {
        failure = { error };
        failed(error);
      }
    }
    appending = undefined;
  };

  return {
    write: (payload) => {
      queue.push(eventOf(count++, payload));
      appending ??= drain();
    },
    written: async () => {
      await appending;
      if (failure) throw failure.error;
    },
    count: () => count,
  };
};
