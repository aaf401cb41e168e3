import { arrayOf, type JsonObject, objectOf } from './json.ts';
import type { Protocol } from './protocol.ts';

/** Tools whose calls the client itself makes: the model only asks for them. */
const clientSide = new Set(['function', 'custom']);

/**
 * Whether performing a request twice does no harm beyond its cost. Sampling twice does none: the first answer is dropped.
 * These do, since the provider would have acted twice:
 * - a tool that runs at the provider (mcp, code_interpreter, shell, …), anything but `function` and `custom`: a search only
 *   reads, an MCP server may send mail, and the mesh can't tell; `web_search_options` and the like are searches;
 * - `background: true`: the first run goes on, with nobody to hear or to stop it;
 * - `conversation`: the turn would be appended twice;
 * - `prompt`: a template that lives at the provider and may bring such tools along;
 * - `store: true` said outright: the client means to find exactly this answer there. Responses are stored when nothing is
 *   said as well, yet then the id that the client got names the one it saw, and the other is never heard of.
 * `previous_response_id` is no reason: each response begins a branch of its own.
 */
export const isRepeatable = (body: JsonObject, protocol: Protocol): boolean => {
  if (protocol === 'openai.embeddings') return true;
  if (body.store === true || body.background === true) return false;
  if (body.conversation != null || (protocol === 'openai.responses' && body.prompt != null)) return false;
  return arrayOf(body.tools).every((tool) => {
    const { type } = objectOf(tool);
    return type === undefined || clientSide.has(String(type));
  });
};
