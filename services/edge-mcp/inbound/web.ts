/** Between node's HTTP and the web's Request and Response, which the SDK speaks. A body is read before, within its limit. */
import type { Visit } from './visit.ts';

/** Without its body. @param signal aborted when the client has left. @param own headers that are others than the client's. */
export const webRequest = ({ request }: Visit, signal: AbortSignal, own: Record<string, string> = {}): Request => {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers))
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  for (const [name, value] of Object.entries(own)) headers.set(name, value);
  return new Request(`http://localhost${request.url ?? '/'}`, { method: request.method ?? 'GET', headers, signal });
};

/** Writes an answer part by part, as fast as its client reads it. Resolves when it is over. */
export const write = async (answer: Response, { response }: Visit, own: Record<string, string>): Promise<void> => {
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
  const closed = new Promise<void>((resolve) => response.once('close', resolve));
  void closed.then(() => reader.cancel()).catch(() => {});
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (!response.write(value)) await Promise.race([new Promise((resolve) => response.once('drain', resolve)), closed]);
  }
  if (!response.destroyed) response.end();
};
