import type { ServerResponse } from 'node:http';

export interface StreamBuffer {
  /** How much may wait for a client, beyond what its socket holds. */
  bytes: number;
  /** How long a full buffer waits for the client to read. */
  patienceMs: number;
}

export const defaultStreamBuffer: StreamBuffer = { bytes: 1024 * 1024, patienceMs: 5_000 };

/**
 * Writes a stream as fast as its client reads it, with a bounded buffer between.
 * A full buffer gets a moment, because what is replayed from the log comes faster than any client reads.
 * @param tooSlow called once the moment is over.
 * @returns what writes; it throws the signal's reason where the signal is aborted while it waits.
 */
export const streamWriter = (
  response: ServerResponse,
  { bytes, patienceMs }: StreamBuffer,
  signal: AbortSignal,
  tooSlow: () => void,
): ((payload: Buffer) => Promise<void>) => {
  let unsent = 0;
  let wake = () => {};

  const room = async () => {
    signal.throwIfAborted();
    const timer = setTimeout(tooSlow, patienceMs);
    const abort = () => wake();
    signal.addEventListener('abort', abort);
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
    signal.removeEventListener('abort', abort);
    clearTimeout(timer);
    signal.throwIfAborted();
  };

  return async (payload) => {
    if (unsent > bytes) await room();
    unsent += payload.length;
    response.write(payload, () => {
      unsent -= payload.length;
      if (unsent <= bytes) wake();
    });
  };
};
