/** A client's request to a server, to its end: over as many calls as the server needs to have its questions answered. */
import {
  isModern,
  type McpClient,
  type McpNotification,
  type McpOutcome,
  type McpRequest,
} from '../../runtime/mcp/message.ts';
import { paramsFor } from './ask.ts';
import { type Limits, makeCall } from './call.ts';
import { CallFailed } from './call-failed.ts';
import { SessionExpired } from './http-line.ts';
import { type Channel, orAborted, type Upstream } from './upstream.ts';

export interface Conversing {
  conversation: string;
  request: McpRequest;
  client: McpClient;
  /** Told of progress and log messages. */
  notify(notification: McpNotification): void;
  /** Asks the client. @param withdrawn as `Call.ask` has it. @throws never */
  ask(question: McpNotification, withdrawn: AbortSignal): Promise<McpOutcome>;
  /** Headers that repeat arguments. */
  headers: Record<string, string>;
  limits: Limits;
  signal: AbortSignal;
}

/** What a client must have declared to be asked. */
const CAPABILITY: Readonly<Record<string, string>> = {
  'elicitation/create': 'elicitation',
  'sampling/createMessage': 'sampling',
  'roots/list': 'roots',
};

const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];

/** A client of a revision without sessions that names no level wants none; one of a session gets what its server sends. */
const isWanted = ({ method, params }: McpNotification, { protocolVersion, logLevel }: McpClient): boolean => {
  if (method !== 'notifications/message') return true;
  if (logLevel === undefined) return !isModern(protocolVersion);
  return LEVELS.indexOf(String(params?.level)) >= LEVELS.indexOf(logLevel);
};

/** Rounds in which a server asks for more before it answers. */
const MAX_ROUNDS = 10;
const UNSUPPORTED_VERSION = -32022;

/** What an answer asks for it cannot withdraw. */
const NEVER = new AbortController().signal;

const refusing = (given: Conversing, question: McpNotification, withdrawn = NEVER): Promise<McpOutcome> => {
  const needed = CAPABILITY[question.method];
  const can = needed !== undefined && given.client.capabilities[needed] !== undefined;
  return can
    ? given.ask(question, withdrawn)
    : Promise.resolve({ error: { code: -32601, message: 'Method not found' } });
};

const callOnce = async (channel: Channel, given: Conversing, request: McpRequest): Promise<McpOutcome> => {
  const { client, headers, limits, signal } = given;
  if (client.logLevel !== undefined && channel.setLogLevel)
    await orAborted(channel.setLogLevel(client.logLevel), signal);
  const { outcome } = await makeCall(
    channel,
    {
      method: request.method,
      params: paramsFor(channel, request),
      ...(channel.isModern ? { headers } : {}),
      wantsProgress: client.wantsProgress,
      notify: (notification) => {
        if (isWanted(notification, client)) given.notify(notification);
      },
      ask: (question, withdrawn) => refusing(given, question, withdrawn),
      signal,
    },
    limits,
  );
  return outcome;
};

/** Calls, and once more where what was believed of the server was out of date: then it has not acted. */
const callAgain = async (upstream: Upstream, given: Conversing, request: McpRequest) => {
  const caller = { conversation: given.conversation, client: given.client };
  for (let isLast = false; ; isLast = true) {
    const channel = await upstream.channelFor(caller, given.signal);
    try {
      const outcome = await callOnce(channel, given, request);
      if (isLast || !('error' in outcome) || outcome.error.code !== UNSUPPORTED_VERSION)
        return { outcome, isModern: channel.isModern };
      upstream.misjudged();
    } catch (error) {
      if (isLast || !(error instanceof SessionExpired)) throw error;
      upstream.forget(caller);
    } finally {
      channel.release();
    }
  }
};

interface InputRequired {
  inputRequests: Record<string, McpNotification>;
  requestState: unknown;
}

const inputRequired = (outcome: McpOutcome): InputRequired | undefined => {
  if ('error' in outcome || outcome.result.resultType !== 'input_required') return undefined;
  const { inputRequests, requestState } = outcome.result as Partial<InputRequired>;
  return { inputRequests: inputRequests ?? {}, requestState };
};

/**
 * @returns what the server answered, whole.
 * @throws CallFailed; the signal's reason where that is no `Stop`
 */
export const converse = async (upstream: Upstream, given: Conversing): Promise<McpOutcome> => {
  let { request } = given;
  for (let round = 0; round <= MAX_ROUNDS; round += 1) {
    const { outcome, isModern: inModern } = await callAgain(upstream, given, request);
    const required = inputRequired(outcome);
    // A client that knows such answers answers them itself.
    if (!required || !inModern || isModern(given.client.protocolVersion)) return outcome;
    const inputResponses: Record<string, unknown> = {};
    for (const [key, { method, params }] of Object.entries(required.inputRequests)) {
      const said = await refusing(given, { method, params });
      given.signal.throwIfAborted();
      if ('error' in said) return said;
      inputResponses[key] = said.result;
    }
    const { requestState } = required;
    const params = { ...given.request.params, inputResponses, ...(requestState === undefined ? {} : { requestState }) };
    request = { method: request.method, params };
  }
  throw new CallFailed('BAD_RESPONSE', `The MCP server asked for more in ${MAX_ROUNDS} answers in a row.`, true);
};
