import type { Readable } from 'node:stream';
import type { Connection } from '../../runtime/configuration.ts';
import { Stop } from '../../runtime/outbound/faults.ts';

/** Reads the body of an upstream's answer within the connection's limits of time and size. */
export interface BodyReader {
  attach(body: Readable): void;
  /** The next bytes, undefined at the end. @throws Stop where a limit is passed. */
  next(): Promise<Buffer | undefined>;
  /** The whole body. @param maxBytes default the connection's limit. @throws Stop where a limit is passed. */
  all(maxBytes?: number): Promise<Buffer>;
  /** When the first byte came, or the end of an empty body, milliseconds since the epoch. */
  firstByteAt(): number;
  /** What is left, a mere end in general, is read away, so that the connection can be used again. */
  release(): void;
  /** Ends the call unless it has ended. */
  close(): void;
}

const RELEASE_MS = 1_000;

/**
 * The time until the first byte starts here, and counts the connecting too.
 * @param controller aborted with a `Stop` once the upstream takes too long.
 */
export const createBodyReader = (
  { firstByteTimeoutMs, idleTimeoutMs, maxResponseBytes }: Connection,
  controller: AbortController,
  now: () => number,
): BodyReader => {
  let iterator: AsyncIterator<Buffer> | undefined;
  let body: Readable | undefined;
  let firstByteAt = 0;
  let read = 0;
  let releasing = false;
  const firstByteTimer = setTimeout(
    () => controller.abort(new Stop('FIRST_BYTE_TIMEOUT', "The model's server did not begin to answer in time.")),
    firstByteTimeoutMs,
  );
  let idleTimer: NodeJS.Timeout | undefined;

  const next = async (maxBytes = maxResponseBytes) => {
    // Only while something is waited for: a slow consumer is not an idle upstream.
    if (firstByteAt > 0)
      idleTimer = setTimeout(
        () => controller.abort(new Stop('IDLE_TIMEOUT', "The model's server stopped in the middle of its answer.")),
        idleTimeoutMs,
      );
    const { value, done } = await iterator!.next().finally(() => clearTimeout(idleTimer));
    if (firstByteAt === 0) {
      firstByteAt = now();
      clearTimeout(firstByteTimer);
    }
    if (done) return undefined;
    read += value.length;
    if (read > maxBytes)
      throw new Stop('RESPONSE_TOO_LARGE', `The answer of the model's server is larger than ${maxBytes} bytes.`);
    return value;
  };

  return {
    attach: (attached) => {
      body = attached;
      // Whoever waits hears of an error by `next`; nobody need be waiting.
      attached.on('error', () => {});
      iterator = attached[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    },
    next: () => next(),
    all: async (maxBytes) => {
      const parts: Buffer[] = [];
      for (let part = await next(maxBytes); part; part = await next(maxBytes)) parts.push(part);
      return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    },
    firstByteAt: () => firstByteAt,
    release: () => {
      releasing = true;
      const timer = setTimeout(() => body?.destroy(), RELEASE_MS);
      const drain = async () => {
        while (!(await iterator?.next())?.done);
      };
      void drain()
        .catch(() => {})
        .finally(() => clearTimeout(timer));
    },
    close: () => {
      clearTimeout(firstByteTimer);
      clearTimeout(idleTimer);
      if (!releasing) body?.destroy();
    },
  };
};
