/** An agent beyond the mesh, as it is called: the SDK's client within the connection's limits of time and size. */
import {
  A2A_VERSION_HEADER,
  type AgentCard,
  type ListTasksResponse,
  type SendMessageRequest,
  type StreamResponse,
  type Task,
} from '@a2a-js/sdk';
import { type Client, ClientFactory, JsonRpcTransportFactory, RestTransportFactory } from '@a2a-js/sdk/client';
import { GrpcTransportFactory } from '@a2a-js/sdk/client/grpc';
import { credentials as grpcCredentials } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { Dispatcher } from 'undici';
import type { Update } from '../../runtime/a2a/json.ts';
import type { Connection } from '../../runtime/configuration.ts';
import { createLanes } from '../../runtime/lanes.ts';
import { faultOf, Stop } from '../../runtime/outbound/faults.ts';
import { credentialsOf, type Environment, secretsOf } from '../../runtime/outbound/secrets.ts';
import { isSecure, urlOfInterface, usableInterfaces } from '../cards/usable-interfaces.ts';
import { withinLog } from '../inbound/sdk-console.ts';
import { boundedFetch, type Exchange } from './bounded-fetch.ts';
import { CallFailed, callFailed } from './call-failed.ts';

export interface AgentClient {
  /** Whether its card says that it streams. */
  streams: boolean;
  /** What must not be seen of what it says. */
  secrets: readonly string[];
  /**
   * Sends a message, and yields what comes: of an agent that does not stream its one answer. Nothing is read while no more is
   * asked for. @param headers beside the connection's own. @throws CallFailed; the signal's reason where that is no `Stop`.
   */
  send(request: SendMessageRequest, headers: Record<string, string>, signal: AbortSignal): AsyncGenerator<Update>;
  /** From now on; of A2A 1.0 the task comes first. @throws as `send` */
  subscribe(taskId: string, signal: AbortSignal): AsyncGenerator<Update>;
  /** @throws as `send` */
  get(taskId: string, signal: AbortSignal): Promise<Task>;
  /** @throws as `send` */
  cancel(taskId: string, signal: AbortSignal): Promise<Task>;
  /** Some tasks of a context, newest first as A2A 1.0 asks. @throws as `send` */
  list(contextId: string, signal: AbortSignal): Promise<Task[]>;
  /** What it tells of itself to who is authenticated (A2A 1.0, 3.1.11). @throws as `send` */
  extendedCard(signal: AbortSignal): Promise<AgentCard>;
}

/** Of the log's 16 MiB: the envelope, and what is rewritten, have a place too. */
const MAX_MESSAGE_BYTES = 15 * 1024 * 1024;
const LISTED = 20;
/** An instance that takes over many tasks asks for them a few at a time. */
const ASKED_AT_ONCE = 64;

/** The SDK calls gRPC by host:port. */
const callable = (card: AgentCard, configured: string): AgentCard => ({
  ...card,
  supportedInterfaces: usableInterfaces(card, configured).map((one) => ({
    ...one,
    url: one.protocolBinding.toUpperCase() === 'GRPC' ? (urlOfInterface(one)?.host ?? one.url) : one.url,
  })),
});

/** One interface speaks for all of a card's gRPC interfaces: TLS or not is one setting of the SDK's. */
const isGrpcSecure = (card: AgentCard, configured: string): boolean =>
  usableInterfaces(card, configured).some(
    (one) => one.protocolBinding.toUpperCase() === 'GRPC' && isSecure(one, configured),
  );

/**
 * @param dispatcher where its connections are kept; has the connection's connect time-out.
 * @throws MissingVariable; CallFailed where the card names no way to call it.
 */
export const createAgentClient = async (
  card: AgentCard,
  connection: Connection,
  environment: Environment,
  dispatcher: Dispatcher,
  logger: Logger,
): Promise<AgentClient> => {
  const { firstByteTimeoutMs, idleTimeoutMs, url } = connection;
  const presented = credentialsOf(connection, environment);
  const secrets = secretsOf(connection, presented);
  const asking = createLanes({ concurrency: ASKED_AT_ONCE });
  const exchanges = new WeakMap<AbortSignal, Exchange>();
  const maxBytes = Math.min(connection.maxResponseBytes, MAX_MESSAGE_BYTES);
  const fetchImpl = boundedFetch(dispatcher, maxBytes, (signal) => exchanges.get(signal));
  const legacyCompat = { enabled: true };
  const grpcChannelCredentials = isGrpcSecure(card, url)
    ? grpcCredentials.createSsl()
    : grpcCredentials.createInsecure();
  const factory = new ClientFactory({
    transports: [
      new JsonRpcTransportFactory({ fetchImpl, legacyCompat }),
      new RestTransportFactory({ fetchImpl, legacyCompat }),
      new GrpcTransportFactory({ grpcChannelCredentials, legacyCompat }),
    ],
  });
  let client: Client;
  try {
    client = await factory.createFromAgentCard(callable(card, url));
  } catch {
    throw new CallFailed(faultOf('MISCONFIGURED', 'The card of the agent names no way to call it.', false), '', false);
  }
  const isGrpc = client.transport.protocolName === 'GRPC';
  const own: Record<string, string> = {
    'user-agent': 'parley',
    ...presented.headers,
    ...(presented.secret === null ? {} : { authorization: `Bearer ${presented.secret}` }),
  };

  /** A call of its own signal, by which its exchange is found. */
  const begin = (outer: AbortSignal) => {
    const controller = new AbortController();
    const follow = () => controller.abort(outer.reason);
    if (outer.aborted) follow();
    outer.addEventListener('abort', follow, { once: true });
    const { signal } = controller;
    // What gRPC does with a request is not told.
    const exchange: Exchange = { signal, sent: isGrpc, status: undefined, retryAfter: undefined };
    exchanges.set(signal, exchange);
    const within = async <T>(ms: number, stop: () => Stop, wait: () => Promise<T>): Promise<T> => {
      const timer = setTimeout(() => controller.abort(stop()), ms);
      try {
        signal.throwIfAborted();
        return await withinLog(logger, wait);
      } finally {
        clearTimeout(timer);
      }
    };
    const end = () => {
      outer.removeEventListener('abort', follow);
      controller.abort(new Stop('CANCELLED', 'The call is over.'));
    };
    return { exchange, within, end };
  };

  const tooLate = () => new Stop('FIRST_BYTE_TIMEOUT', "The agent's server did not answer in time.");
  const tooQuiet = () => new Stop('IDLE_TIMEOUT', "The agent's server said nothing for too long.");

  const options = (exchange: Exchange, headers: Record<string, string>) => ({
    signal: exchange.signal,
    serviceParameters: { ...own, ...headers },
  });
  type Options = ReturnType<typeof options>;

  const once = async <T>(outer: AbortSignal, call: (options: Options) => Promise<T>, headers = {}): Promise<T> => {
    const { exchange, within, end } = begin(outer);
    try {
      return await within(firstByteTimeoutMs, tooLate, () => call(options(exchange, headers)));
    } catch (error) {
      throw callFailed(error, exchange, secrets);
    } finally {
      end();
    }
  };

  async function* streamed(
    outer: AbortSignal,
    call: (options: Options) => AsyncGenerator<StreamResponse>,
    headers = {},
  ): AsyncGenerator<Update> {
    const { exchange, within, end } = begin(outer);
    try {
      const events = call(options(exchange, headers));
      for (let first = true; ; first = false) {
        // Only while something is waited for: a slow log is not an idle agent.
        const { value, done } = await within(
          first ? firstByteTimeoutMs : idleTimeoutMs,
          first ? tooLate : tooQuiet,
          () => events.next(),
        );
        if (done) return;
        if (value.payload) yield value.payload;
      }
    } catch (error) {
      throw callFailed(error, exchange, secrets);
    } finally {
      end();
    }
  }

  // Of A2A 0.3 the SDK (1.3) reads streams over HTTP+JSON and gRPC without whether a part is to be appended.
  const losesAppend = client.protocolVersion === '0.3' && client.transport.protocolName !== 'JSONRPC';
  const streams = card.capabilities?.streaming === true && !losesAppend;
  return {
    streams,
    secrets,
    send: async function* (request, headers, signal) {
      if (streams) return yield* streamed(signal, (given) => client.sendMessageStream(request, given), headers);
      const answer = await once(signal, (given) => client.sendMessage(request, given), headers);
      yield 'messageId' in answer ? { $case: 'message', value: answer } : { $case: 'task', value: answer };
    },
    subscribe: (id, signal) => streamed(signal, (given) => client.resubscribeTask({ tenant: '', id }, given)),
    get: (id, signal) => asking.run(id, () => once(signal, (given) => client.getTask({ tenant: '', id }, given))),
    cancel: (id, signal) => once(signal, (given) => client.cancelTask({ tenant: '', id, metadata: undefined }, given)),
    list: async (contextId, signal) => {
      const asked = {
        tenant: '',
        contextId,
        status: 0,
        pageSize: LISTED,
        pageToken: '',
        statusTimestampAfter: undefined,
      };
      const listed: ListTasksResponse = await once(signal, (given) => client.listTasks(asked, given));
      return listed.tasks.slice(0, LISTED);
    },
    // The client's own getAgentCard asks no more once a card that came says of itself that there is none.
    extendedCard: (signal) =>
      once(signal, (given) => client.transport.getExtendedAgentCard({ tenant: '' }, given), {
        [A2A_VERSION_HEADER]: client.protocolVersion,
      }),
  };
};
