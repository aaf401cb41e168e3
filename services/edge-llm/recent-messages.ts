/** The bytes that later requests of a conversation refer to, as far as this process has seen them lately. */

const MAX_BYTES = 64 * 1024 * 1024;

export interface RecentMessages {
  /** The `message` of the RequestReceived there; undefined where it is not at hand. */
  get(partition: number, offset: number): Buffer | undefined;
  put(partition: number, offset: number, message: Buffer): void;
}

/** @param most how many bytes are kept; those used last. */
export const createRecentMessages = (most = MAX_BYTES): RecentMessages => {
  const messages = new Map<string, Buffer>();
  let bytes = 0;
  const take = (key: string): Buffer | undefined => {
    const message = messages.get(key);
    if (message && messages.delete(key)) bytes -= message.length;
    return message;
  };
  const keep = (key: string, message: Buffer) => {
    take(key);
    messages.set(key, message);
    bytes += message.length;
    for (const oldest of messages.keys()) {
      if (bytes <= most) break;
      take(oldest);
    }
  };
  return {
    get: (partition, offset) => {
      const key = `${partition} ${offset}`;
      const message = take(key);
      if (message) keep(key, message);
      return message;
    },
    // A copy: what was fetched lies in a buffer with much else.
    put: (partition, offset, message) => keep(`${partition} ${offset}`, Buffer.from(message)),
  };
};
