/** Between node's HTTP and the web's Request and Response, which the SDK speaks. A body is read before, within its limit. */
import { drained, type Visit } from './visit.ts';

/** Without its body. @param signal aborted when the client has left. @param own headers that are others than the client's. */
export const webRequest = ({ request }: Visit, signal: AbortSignal, own: Record<string, string> = {}): Request => {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers))
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  for (const [name, value] of Object.entries(own)) headers.set(name, value);
  return new Request(`http://localhost${request.url ?? '/'}`, { method: request.method ?? 'GET', headers, signal });
};

/** How long a client that does not read may keep an answer waiting. */
const PATIENCE_MS = 30_000;

/**
 * Writes an answer part by part, as fast as its client reads it. Resolves when it is over. A client that does not read is let go:
 * what comes meanwhile waits in memory.
 */
export const write = async (
  answer: Response,
  visit: Visit,
  own: Record<string, string>,
  patienceMs = PATIENCE_MS,
): Promise<void> => {
  const { response } = visit;
  if (response.destroyed || response.headersSent) {
    await answer.body?.cancel();
    return;
  }
  const { connection: _hop, ...headers } = Object.fromEntries(answer.headers);
  response.writeHead(answer.status, { ...headers, ...own });
  if (answer.body === null) {
    response.end();
    return;
  }
  response.flushHeaders();
  const reader = answer.body.getReader();
  response.once('close', () => reader.cancel().catch(() => {}));
  // Node's own timer: it runs only while not one byte of what waits is taken.
  response.on('timeout', () => response.destroy());
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (response.write(value)) continue;
    response.setTimeout(patienceMs);
    await drained(visit);
    response.setTimeout(0);
  }
  if (response.destroyed) return;
  response.end();
  if (response.writableLength > 0) response.setTimeout(patienceMs);
};
