/** What the mesh asks servers for itself, and what each request says of its client. */
import { type McpRequest, META } from '../../runtime/mcp/message.ts';
import { type Limits, makeCall } from './call.ts';
import { ITSELF } from './identity.ts';
import type { Channel } from './upstream.ts';

/** The JSON-RPC error that a server answered with. */
export class AnsweredError extends Error {
  override readonly name = 'AnsweredError';
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const SAID_BY_SESSIONS: readonly string[] = Object.values(META);

/** Params as the channel's revision has them: what a session said once is said in each request where there are no sessions. */
export const paramsFor = ({ protocolVersion, isModern }: Channel, { params }: McpRequest) => {
  const meta = (params._meta ?? {}) as Record<string, unknown>;
  if (!isModern) {
    const rest = Object.entries(meta).filter(([name]) => !SAID_BY_SESSIONS.includes(name));
    return { ...params, _meta: Object.fromEntries(rest) };
  }
  const info = meta[META.clientInfo] as { name?: unknown } | undefined;
  return {
    ...params,
    _meta: {
      ...meta,
      [META.protocolVersion]: protocolVersion,
      [META.clientInfo]: typeof info?.name === 'string' ? info : ITSELF.info,
      [META.clientCapabilities]: meta[META.clientCapabilities] ?? {},
    },
  };
};

/** @returns the result whole. @throws AnsweredError; CallFailed; the signal's reason where that is no `Stop` */
export const ask = async (
  channel: Channel,
  method: string,
  params: Record<string, unknown>,
  limits: Limits,
  signal: AbortSignal,
): Promise<Record<string, unknown>> => {
  const { outcome } = await makeCall(
    channel,
    {
      method,
      params: paramsFor(channel, { method, params }),
      wantsProgress: false,
      notify: () => {},
      ask: async () => ({ error: { code: -32601, message: 'Method not found' } }),
      signal,
    },
    limits,
  );
  if ('error' in outcome) throw new AnsweredError(outcome.error.code, outcome.error.message);
  return outcome.result;
};
