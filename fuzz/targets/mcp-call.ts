/** A call of an upstream MCP server, and what must hold of it whatever the server says. */

import { makeCall } from '../../services/edge-mcp/outbound/call.ts';
import { CallFailed } from '../../services/edge-mcp/outbound/call-failed.ts';
import type { Channel } from '../../services/edge-mcp/outbound/upstream.ts';
import {
  type McpNotification,
  readChunk,
  readOutcome,
  writeChunk,
  writeOutcome,
} from '../../services/runtime/mcp/message.ts';
import { holds } from '../target.ts';

export const MAX_BYTES = 4_096;
/** Of an input so much is said, so that what is larger than it may be is said too. */
export const MOST_SAID = 3 * MAX_BYTES;

/** What a line of an answer begins with that belongs to the call, `@` standing for its id. */
export const callDictionary = [
  ...[
    '{"jsonrpc":"2.0",',
    '"id":"@",',
    '"result":{}}',
    '"result":{"content":[]}}',
    '"error":{"code":-1,"message":"no"}}',
  ],
  ...[
    '"method":"notifications/progress","params":{"progressToken":"@","progress":1}}',
    '"method":"notifications/message",',
  ],
  ...[
    '"method":"elicitation/create","params":{}}',
    '"method":"ping"}',
    '"id":7,',
    '"params":{"level":"info","data":1}}',
  ],
  ...[
    '"resultType":"input_required","inputRequests":{"a":{"method":"roots/list"}}',
    '"requestState":"s"',
    '"__proto__":{',
  ],
  ...[
    '"method":"notifications/tools/list_changed"}',
    '"method":"notifications/cancelled"',
    '[[[[[[[[',
    '\n',
    'x'.repeat(600),
  ],
];

/** @param patienceMs between two things that a server says. @returns whether there was an answer; a failure is none. */
export const callOnce = async (
  channel: Channel,
  params: Record<string, unknown>,
  patienceMs: number,
): Promise<boolean> => {
  const limits = { firstByteTimeoutMs: patienceMs, idleTimeoutMs: patienceMs, maxResponseBytes: MAX_BYTES };
  const told: McpNotification[] = [];
  const asked: McpNotification[] = [];
  const call = {
    method: 'tools/call',
    params,
    wantsProgress: true,
    notify: (notification: McpNotification) => void told.push(notification),
    ask: async (question: McpNotification) => {
      asked.push(question);
      return { error: { code: -32603, message: 'nobody' } };
    },
    signal: new AbortController().signal,
  };
  try {
    const { outcome } = await makeCall(channel, call, limits);
    holds(
      JSON.stringify(readOutcome(writeOutcome(outcome))) === JSON.stringify(outcome),
      'an answer is read in the log as it came',
      () => JSON.stringify(outcome),
    );
    return true;
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error;
    holds(error.reason.length > 0 && error.message.length < 500, 'a failure has a reason, and says it briefly');
    return false;
  } finally {
    for (const one of told) holds(readChunk(writeChunk(one)).method === one.method, 'a notification can be in the log');
    for (const [i, one] of asked.entries())
      holds('id' in readChunk(writeChunk({ id: `1-${i}`, ...one })), 'a question can be in the log', () =>
        JSON.stringify(one),
      );
    const bytes = told.reduce((sum, one) => sum + JSON.stringify(one).length, 0);
    holds(bytes <= MAX_BYTES, 'no more is handed on than an answer may have', () => `${bytes}`);
  }
};
