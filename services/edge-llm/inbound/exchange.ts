import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerEarly } from '../../runtime/http-early.ts';
import { type ErrorAnswer, streamError } from '../openai/errors.ts';
import { streamEnd } from '../openai/sse.ts';
import type { Answering } from './answer.ts';
import { type StreamBuffer, streamWriter } from './stream-writer.ts';

/** Why nobody waits for an answer any more. */
export type StopReason = 'CLIENT_GONE' | 'CLIENT_TOO_SLOW' | 'DEADLINE' | 'STOPPING';

/** How long the end of an answer may lie in the socket of a client that does not read. */
const FLUSH_MS = 30_000;

/** One HTTP request and its answer, as the edge sees them. */
export interface Exchange extends Answering {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Aborted, with a StopReason, when nobody waits any more. */
  readonly signal: AbortSignal;
  stop(reason: StopReason): void;
}

/**
 * @param own headers of every answer, asked for when it begins.
 * @param begun called at the first byte of an answer that is not an error.
 */
export const createExchange = (
  request: IncomingMessage,
  response: ServerResponse,
  {
    protocol,
    buffer,
    own,
    begun,
  }: { protocol: string; buffer: StreamBuffer; own(): Record<string, string>; begun(): void },
): Exchange => {
  const ended = new AbortController();
  const stop = (reason: StopReason) => ended.abort(reason);
  const write = streamWriter(response, buffer, ended.signal, () => stop('CLIENT_TOO_SLOW'));
  // A write that comes after the client has gone is an error event; that it has gone is heard below.
  response.on('error', () => {});
  response.on('close', () => {
    if (!response.writableFinished) stop('CLIENT_GONE');
  });

  const end = (last: Buffer) => {
    response.end(last);
    if (response.writableLength > 0) response.setTimeout(FLUSH_MS, () => response.destroy());
  };

  return {
    request,
    response,
    signal: ended.signal,
    stop,
    whole: (status, headers, body) => {
      if (response.destroyed) return;
      begun();
      response.writeHead(status, {
        'content-type': 'application/json',
        ...headers,
        ...own(),
        'content-length': body.length,
      });
      end(body);
    },
    chunk: async (payload) => {
      if (response.destroyed) return;
      if (!response.headersSent) {
        begun();
        response.writeHead(200, {
          'content-type': 'text/event-stream; charset=utf-8',
          'cache-control': 'no-cache',
          'x-accel-buffering': 'no',
          ...own(),
        });
      }
      await write(payload);
    },
    streamEnd: () => {
      if (!response.destroyed) end(streamEnd(protocol));
    },
    fail: (answer: ErrorAnswer) => {
      if (response.destroyed || response.writableEnded) return;
      if (response.headersSent) end(streamError(answer, protocol));
      else answerEarly(request, response, answer.status, { ...answer.headers, ...own() }, answer.body);
    },
  };
};
