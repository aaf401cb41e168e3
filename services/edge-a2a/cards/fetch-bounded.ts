import type { Dispatcher } from 'undici';
import { request } from 'undici';

/** Something came that is no good: its message says what, for a person to read. @property body what came, as far as it did. */
export class Unfit extends Error {
  override readonly name = 'Unfit';
  readonly body: Buffer;
  constructor(message: string, body: Buffer = Buffer.alloc(0)) {
    super(message);
    this.body = body;
  }
}

export const TIME_MS = 10_000;
export const MAX_BYTES = 1024 * 1024;

const codeOf = (error: unknown): string => {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return typeof code === 'string' ? code : String(name);
};

/**
 * GETs a small document: at most 1 MiB within 10 s, from this address and no other (redirects are not followed).
 * @throws Unfit where none came.
 */
export const fetchBounded = async (
  url: URL,
  headers: Readonly<Record<string, string>>,
  dispatcher: Dispatcher,
  signal: AbortSignal,
): Promise<Buffer> => {
  const within = AbortSignal.any([signal, AbortSignal.timeout(TIME_MS)]);
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    const { statusCode, body } = await request(url, {
      dispatcher,
      headers: { accept: 'application/json', ...headers },
      signal: within,
    });
    if (statusCode !== 200) {
      body.on('error', () => {}).destroy();
      throw new Unfit(`it was answered with status ${statusCode}`);
    }
    for await (const part of body) {
      bytes += part.length;
      if (bytes > MAX_BYTES) throw new Unfit(`it is larger than ${MAX_BYTES} bytes`);
      parts.push(part);
    }
  } catch (error) {
    if (error instanceof Unfit) throw error;
    // Only codes: an error's message names hosts and addresses.
    throw new Unfit(`it could not be fetched (${codeOf(error)})`);
  }
  return Buffer.concat(parts);
};
