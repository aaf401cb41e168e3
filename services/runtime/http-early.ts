import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** A rest of a body up to this size is read and dropped, so that the connection can be used again. */
const DROPPABLE_BYTES = 256 * 1024;
/** How long a client that is still sending has to read its answer before the connection ends. */
const LINGER_MS = 2_000;

const hasSmallBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) <= DROPPABLE_BYTES;

/**
 * Answers a request, read or not.
 *
 * A connection that is closed while the client still sends is reset, and the reset may overtake the answer. So the rest of
 * a large body is dropped for a moment before the connection ends (what nginx calls a lingering close).
 */
export const answerEarly = (
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: OutgoingHttpHeaders,
  body: Buffer | string,
): void => {
  if (response.headersSent || response.destroyed) return;
  const whole = typeof body === 'string' ? Buffer.from(body) : body;
  const all = { 'content-type': 'application/json', ...headers, 'content-length': whole.length };
  if (request.complete || hasSmallBody(request)) {
    response.writeHead(status, all).end(whole);
    return;
  }
  response.writeHead(status, { ...all, connection: 'close' }).write(whole);
  const end = () => {
    clearTimeout(timer);
    if (!response.destroyed) response.end();
  };
  const timer = setTimeout(end, LINGER_MS);
  request.once('close', end);
  request.resume();
};
