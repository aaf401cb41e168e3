/** What calls of an agent on the log are of, and what is said to the MCP server that a tool is of. Pure. */
import type * as mesh from '../../schemas/generated.ts';
import { argumentsOf } from '../runtime/mcp/arguments.ts';
import { META, MODERN, PROTOCOL, writeRequest } from '../runtime/mcp/message.ts';

export type Refusal = [mesh.RefusalReason, string];

/** docs/a2a-over-kafka.md, K1. Message and resource go on as the agent gave them: in another protocol they would be another call. */
const kinds: Readonly<Record<string, { type: string; protocol: string }>> = {
  'model.chat': { type: 'model', protocol: 'openai.chat' },
  'model.respond': { type: 'model', protocol: 'openai.responses' },
  'model.embed': { type: 'model', protocol: 'openai.embeddings' },
  'agent.send': { type: 'agent', protocol: 'a2a' },
  'tool.call': { type: 'tool', protocol: PROTOCOL },
};

export const wrongKind = ({ action, resource: { type, id }, protocol }: mesh.CallReported): Refusal | undefined => {
  const kind = Object.hasOwn(kinds, action) ? kinds[action] : undefined;
  if (!kind)
    return ['MALFORMED', `There is no action ${action.slice(0, 64)}; known: ${Object.keys(kinds).join(', ')}.`];
  if (type !== kind.type || protocol !== kind.protocol)
    return ['MALFORMED', `${action} is of a resource of the type ${kind.type}, in the protocol ${kind.protocol}.`];
  if (action === 'tool.call' && !/^[^/]+\/./s.test(id)) return ['MALFORMED', 'A tool is named server/tool.'];
  return undefined;
};

/** With what else is in a request it fits into a record of mesh.requests, and of those that repeat it. */
const MAX_BYTES = 8 << 20;

const sizeOf = (all: Readonly<Record<string, string>>): number =>
  Object.entries(all).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value) + 4, 0);

/** What the server is asked, and the arguments as policies test them. Which tool it is the resource says, and nothing else. */
export const toolCall = ({
  agent,
  message,
  resource: { id },
}: mesh.CallReported): { body: Buffer; arguments: Record<string, string> } | Refusal => {
  let given: unknown;
  try {
    const said: unknown = JSON.parse(message.toString());
    if (typeof said === 'object' && said !== null) given = (said as { arguments?: unknown }).arguments ?? {};
  } catch {}
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return ['MALFORMED', 'The message of a call of a tool is JSON, and its arguments are an object.'];
  const _meta = {
    [META.protocolVersion]: MODERN,
    [META.clientInfo]: { name: agent, version: '1' },
    [META.clientCapabilities]: {},
  };
  try {
    const params = { name: id.slice(id.indexOf('/') + 1), arguments: given, _meta };
    const made = { body: writeRequest({ method: 'tools/call', params }), arguments: argumentsOf(given) };
    if (made.body.length + sizeOf(made.arguments) <= MAX_BYTES) return made;
    return ['TOO_MANY', `The arguments of a tool, with their names, can be no larger than ${MAX_BYTES} bytes.`];
  } catch (error) {
    if (error instanceof RangeError) return ['MALFORMED', 'The arguments are nested too deeply.'];
    throw error;
  }
};
