/** A process that speaks MCP over stdio: started when it is needed, again after it died, and told apart by whose call is whose. */
import type { ChildProcess } from 'node:child_process';
import {
  Client,
  type JSONRPCMessage,
  type JSONRPCNotification,
  type PriorDiscovery,
  SdkError,
  SdkErrorCode,
} from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import type { Logger } from 'pino';
import { newId } from '../../runtime/event.ts';
import { type McpClient, MODERN } from '../../runtime/mcp/message.ts';
import { scrubText } from '../../runtime/outbound/secrets.ts';
import { CallFailed } from './call-failed.ts';
import { identityOf, legacyVersions } from './identity.ts';
import type { LastWords } from './last-words.ts';
import { answerForNobody, type Heard, type Line, type Listener, type Standing, tap } from './upstream.ts';

export interface Command {
  command: string;
  args: string[];
  env: Record<string, string>;
  cwd: string | null;
  maxBytes: number;
  /** What its stderr must not be logged with. */
  secrets: readonly string[];
}

export interface StdioProcess {
  client: Client;
  protocolVersion: string;
  modern: boolean;
  verdict: PriorDiscovery;
  closed: Promise<void>;
  open(listener: Listener): Line;
  setLogLevel(level: string): Promise<void>;
  standing: Omit<Standing, 'channel'>;
  close(): Promise<void>;
}

const OF_THE_CALL = new Set(['notifications/message', 'notifications/cancelled']);
const MAX_LOGGED = 1_000;
/** What does not answer a question that it does not know is a server of a revision with sessions. */
const MAX_PROBE_MS = 10_000;

/**
 * Asked to end, it may go on to flood for seconds. What it started (`npx` starts the server) may hold its pipes for ever, and the
 * SDK takes it for alive until they are closed.
 */
const endNow = (transport: StdioClientTransport) => {
  const { _process } = transport as unknown as { _process?: ChildProcess };
  _process?.kill('SIGKILL');
  for (const pipe of [_process?.stdin, _process?.stdout, _process?.stderr]) pipe?.destroy();
};

/** @throws CallFailed */
export const startProcess = async (
  { command, args, env, cwd, maxBytes, secrets }: Command,
  asked: McpClient,
  prior: PriorDiscovery | undefined,
  timeoutMs: number,
  logger: Logger,
  heard: Heard,
  lastWords: Pick<LastWords, 'hear'>,
): Promise<StdioProcess> => {
  const transport = new StdioClientTransport({
    command,
    args,
    env,
    stderr: 'pipe',
    maxBufferSize: maxBytes,
    ...(cwd === null ? {} : { cwd }),
  });
  transport.stderr?.on('data', (chunk: Buffer) => {
    lastWords.hear(chunk);
    logger.debug({ stderr: scrubText(chunk.subarray(0, MAX_LOGGED).toString(), secrets) }, 'an MCP server said');
  });
  const { info, capabilities } = identityOf(asked);
  const client = new Client(info, {
    capabilities,
    supportedProtocolVersions: [MODERN, ...legacyVersions(asked.protocolVersion)],
    versionNegotiation: { mode: 'auto', probe: { timeoutMs: Math.min(timeoutMs, MAX_PROBE_MS) } },
  });
  const calls = new Map<string, Listener>();
  const closed = Promise.withResolvers<void>();
  const onlyCall = () => (calls.size === 1 ? [...calls.values()][0] : undefined);
  const loseAll = (reason: 'CONNECTION_LOST' | 'RESPONSE_TOO_LARGE', why: string) => {
    for (const listener of [...calls.values()]) listener.lost(new CallFailed(reason, why, true));
  };
  transport.onerror = (error) => {
    if (!/exceeded maximum size/.test(error.message)) return;
    endNow(transport);
    // Whose answer it was is known only where one call was in flight.
    if (calls.size === 1) loseAll('RESPONSE_TOO_LARGE', `The MCP server sent more than ${maxBytes} bytes at once.`);
    else loseAll('CONNECTION_LOST', 'The process of the MCP server sent too much at once.');
    closed.resolve();
  };
  transport.onclose = () => {
    loseAll('CONNECTION_LOST', 'The process of the MCP server ended.');
    closed.resolve();
  };
  try {
    await client.connect(transport, { timeout: timeoutMs, ...(prior ? { prior } : {}) });
  } catch (error) {
    await client.close().catch(() => {});
    await transport.close().catch(() => {});
    const code = (error as { code?: unknown }).code;
    const isLate = error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout;
    if (isLate)
      throw new CallFailed('CONNECT_TIMEOUT', 'The process of the MCP server did not begin to talk in time.', false);
    if (code === SdkErrorCode.ConnectionClosed)
      throw new CallFailed('CONNECT_FAILED', 'The process of the MCP server ended before it began to talk.', false);
    const because = typeof code === 'string' ? ` (${code})` : '';
    throw new CallFailed('CONNECT_FAILED', `The process of the MCP server could not be started${because}.`, false);
  }
  const discover = client.getDiscoverResult();
  const modern = discover !== undefined;

  const toCall = (message: JSONRPCNotification): Listener | undefined => {
    const token = message.params?.progressToken;
    if (message.method === 'notifications/progress') return typeof token === 'string' ? calls.get(token) : undefined;
    // Of which call the server speaks is not said: with several in flight it may be another person's.
    return OF_THE_CALL.has(message.method) ? onlyCall() : undefined;
  };
  tap(transport, (message: JSONRPCMessage) => {
    if (!('method' in message)) {
      const listener = typeof message.id === 'string' ? calls.get(message.id) : undefined;
      listener?.message(message);
      return listener !== undefined;
    }
    if ('id' in message) {
      // In a revision without sessions there is no such thing: it is left to the SDK, which drops it.
      if (modern) return false;
      const listener = onlyCall();
      if (listener) listener.message(message);
      else answerForNobody(transport, message);
      return true;
    }
    toCall(message)?.message(message);
    heard(message);
    return false;
  });

  const open = (listener: Listener): Line => {
    const id = newId();
    let isSent = false;
    calls.set(id, listener);
    return {
      id,
      send: (message) => {
        isSent = true;
        return transport.send(message).catch(() => {
          if (calls.has(id))
            listener.lost(new CallFailed('CONNECTION_LOST', 'The process of the MCP server ended.', isSent));
        });
      },
      sent: () => isSent,
      close: () => void calls.delete(id),
    };
  };

  let logLevel: string | undefined;
  const protocolVersion = client.getNegotiatedProtocolVersion() ?? MODERN;
  return {
    client,
    protocolVersion,
    modern,
    verdict: discover ? { kind: 'modern', discover } : { kind: 'legacy' },
    closed: closed.promise,
    open,
    setLogLevel: async (level) => {
      if (modern || logLevel === level || !client.getServerCapabilities()?.logging) return;
      logLevel = level;
      const wanted = level as Parameters<Client['setLoggingLevel']>[0];
      await client.setLoggingLevel(wanted, { timeout: timeoutMs }).catch(() => {});
    },
    standing: {
      client,
      protocolVersions: discover ? [...discover.supportedVersions].sort().reverse() : [protocolVersion],
      closed: closed.promise,
    },
    close: () => client.close().catch(() => {}),
  };
};
