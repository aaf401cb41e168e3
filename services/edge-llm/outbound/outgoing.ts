/** What is sent to an upstream for a request: the client's bytes wherever possible. */
import type * as mesh from '../../../schemas/generated.ts';
import type { Connection } from '../../runtime/configuration.ts';
import { type Fault, faultOf } from '../../runtime/outbound/faults.ts';
import { answerOf } from '../openai/errors.ts';
import { travellingHeaders } from '../openai/headers.ts';
import { objectOf, parseObject } from '../openai/json.ts';
import { memberOf, withMembers } from '../openai/json-bytes.ts';
import { type InterfaceName, interfaceOf, type Protocol, servedBy, upstreamUrl } from '../openai/protocol.ts';
import { toChatRequest } from '../openai/responses-to-chat.ts';

export interface Outgoing {
  url: URL;
  headers: Record<string, string>;
  body: Buffer;
  protocol: Protocol;
  /** Which interface of the upstream it goes to: chat for a responses request that had to be translated. */
  spoken: InterfaceName;
  /** Whether the upstream was asked to count tokens, of which the client wants to hear nothing. */
  addedUsage: boolean;
}

export interface Caller {
  request: mesh.Request;
  target: mesh.Target;
  connection: Connection;
  /** The credential, resolved. */
  secret: string | null;
  /** The connection's own headers, resolved. */
  headers: Readonly<Record<string, string>>;
  /** The id of the dispatch: one for each attempt, and the same when the attempt is made again. */
  dispatchId: string;
}

const headersOf = ({ request, secret, headers, dispatchId }: Caller): Record<string, string> => ({
  'content-type': 'application/json',
  accept: 'application/json',
  'accept-encoding': 'identity',
  'user-agent': 'parley',
  ...travellingHeaders(request.headers),
  ...headers,
  // The header by which OpenAI logs a client's own id: what ties the upstream's access log to this one.
  'x-client-request-id': dispatchId,
  ...(secret === null ? {} : { authorization: `Bearer ${secret}` }),
});

/** The body of a stream of chat also asks for its usage: what can't be metered can't be billed. */
const withUsage = (options: unknown) => {
  const given = objectOf(options);
  return { addedUsage: given.include_usage !== true, options: { ...given, include_usage: true } };
};

const asItIs = ({ request, target }: Caller, protocol: Protocol) => {
  const model = JSON.stringify(target.name);
  if (!request.streaming || protocol !== 'openai.chat')
    return { body: withMembers(request.message, { model }), addedUsage: false };
  const { addedUsage, options } = withUsage(memberOf(request.message, 'stream_options'));
  const set: Record<string, string> = addedUsage ? { model, stream_options: JSON.stringify(options) } : { model };
  return { body: withMembers(request.message, set), addedUsage };
};

const translated = ({ request, target }: Caller): { body: Buffer; addedUsage: boolean } | Fault => {
  const parsed = parseObject(request.message.toString());
  if (!parsed) return faultOf('REQUEST_REFUSED', 'The request is not a JSON object.', false, { status: 400 });
  const { chat, problem } = toChatRequest(parsed);
  if (problem) {
    const { status, message } = problem;
    // Not the target's fault, and another target of the same model may speak responses itself.
    const fault = faultOf('REQUEST_REFUSED', message, false, { status, body: answerOf(problem).body });
    return { ...fault, retryable: true };
  }
  const stream = request.streaming ? { stream_options: withUsage(undefined).options } : {};
  return { body: Buffer.from(JSON.stringify({ ...chat, model: target.name, ...stream })), addedUsage: true };
};

/** What to send, or why nothing can be sent to this target. */
export const outgoingFor = (caller: Caller): Outgoing | Fault => {
  const { request, connection } = caller;
  const protocol = interfaceOf(request.protocol)?.protocol;
  if (!protocol) return faultOf('MISCONFIGURED', `This edge does not speak ${request.protocol}.`, false);
  const spoken = servedBy(protocol, connection.interfaces);
  if (connection.protocol !== 'openai' || !spoken) {
    const fault = faultOf('MISCONFIGURED', `The model's server does not serve ${protocol}.`, request.repeatable);
    // It may well serve the other interfaces: no reason to open its breaker.
    return { ...fault, targetAtFault: false };
  }
  const written = spoken === 'chat' && protocol === 'openai.responses' ? translated(caller) : asItIs(caller, protocol);
  if ('failure' in written) return written;
  return { ...written, url: upstreamUrl(connection.url, spoken), headers: headersOf(caller), protocol, spoken };
};
