/**
 * The OpenAI interfaces that the mesh speaks: for each its path, the protocol that `Request.protocol` names, the action
 * that policies name, and what a connection calls it in its `interfaces`.
 */
export const interfaces = [
  { name: 'chat', path: '/v1/chat/completions', protocol: 'openai.chat', action: 'model.chat', operation: 'chat' },
  {
    name: 'responses',
    path: '/v1/responses',
    protocol: 'openai.responses',
    action: 'model.respond',
    operation: 'chat',
  },
  {
    name: 'embeddings',
    path: '/v1/embeddings',
    protocol: 'openai.embeddings',
    action: 'model.embed',
    operation: 'embeddings',
  },
] as const;

/** One row of the table. `operation` is OpenTelemetry's gen_ai.operation.name. */
export type Interface = (typeof interfaces)[number];
export type InterfaceName = Interface['name'];
/** What `mesh.Request.protocol` says of an LLM call. */
export type Protocol = Interface['protocol'];

/** What the mesh serves at a path; undefined when nothing. */
export const interfaceAt = (path: string): Interface | undefined => interfaces.find((i) => i.path === path);

/** What a request is written in; undefined when this edge does not speak it. */
export const interfaceOf = (protocol: string): Interface | undefined => interfaces.find((i) => i.protocol === protocol);

/**
 * The interface of a connection that can serve a protocol: its own where the connection has it, chat completions for a
 * responses request where it has only those; undefined when it can't be served there.
 */
export const servedBy = (protocol: Protocol, has: readonly string[]): InterfaceName | undefined => {
  const own = interfaces.find((i) => i.protocol === protocol)?.name;
  if (own && has.includes(own)) return own;
  return own === 'responses' && has.includes('chat') ? 'chat' : undefined;
};

/**
 * Where a connection serves an interface. `url` is what an OpenAI client calls its base URL: it ends where
 * `/chat/completions` begins, and its query, e.g. `?api-version=…`, is kept.
 * @throws TypeError when it is not a URL.
 */
export const upstreamUrl = (url: string, name: InterfaceName): URL => {
  const at = new URL(url);
  const path = interfaces.find((i) => i.name === name)?.path.slice('/v1'.length) ?? '';
  at.pathname = at.pathname.replace(/\/+$/, '') + path;
  return at;
};
