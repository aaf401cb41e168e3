import type { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Stop } from '../../runtime/outbound/faults.ts';
import { MAX_TIMER_MS } from '../../runtime/times.ts';
import type { Exchange } from './bounded-fetch.ts';
import { handshakeFailed } from './call-failed.ts';
import { orAborted } from './upstream.ts';

/** It is asked what it speaks, told who speaks, and told that all is well: the SDK waits for the last without end. */
const STEPS = 3;

/**
 * Begins to talk to a server over HTTP.
 * @param stepMs how long a step may take. @param exchange of the transport's requests
 * @throws CallFailed; the signal's reason where that is no `Stop`. What was begun is closed then.
 */
export const shakeHands = async (
  client: Client,
  transport: StreamableHTTPClientTransport,
  options: Pick<NonNullable<Parameters<Client['connect']>[1]>, 'prior'>,
  stepMs: number,
  signal: AbortSignal,
  exchange: Exchange,
): Promise<void> => {
  const late = new AbortController();
  const tooLate = new Stop('CONNECT_TIMEOUT', 'The MCP server did not begin to talk in time.');
  const patience = setTimeout(() => late.abort(tooLate), Math.min(STEPS * stepMs, MAX_TIMER_MS));
  const ending = AbortSignal.any([signal, late.signal]);
  try {
    await orAborted(client.connect(transport, { ...options, timeout: stepMs, signal: ending }), ending);
  } catch (error) {
    await client.close().catch(() => {});
    throw handshakeFailed(error, exchange, ending);
  } finally {
    clearTimeout(patience);
  }
};
