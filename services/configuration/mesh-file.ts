/**
 * mesh.yaml: the one declarative file. Strict, so that a misspelt field is an error; each field is described, for
 * mesh.schema.json is made from this.
 */
import { z } from 'zod';
import { agentName } from '../../topics/index.ts';
import { durationPattern, parseDuration, parseSize, sizePattern } from './quantities.ts';

const words = (pattern: RegExp, max: number, what: string) =>
  z
    .string(`must be ${what}`)
    .regex(pattern, { error: `must be ${what}`, abort: true })
    .max(max, `must not be longer than ${max}`);

const name = words(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 64, 'a name of letters, digits, dots, dashes and underscores');
const modelName = words(/^[A-Za-z0-9][\w.:/@-]*$/, 128, 'a name of letters, digits and . : / @ _ -');
const person = words(/^[^\s/"\\]+$/, 128, "a person's id without spaces, slashes and quotes, e.g. owner@example.com");
const duration = words(durationPattern, 12, 'a whole number and ms, s, m, h or d, e.g. 30s').transform(parseDuration);
const size = words(sizePattern, 12, 'a whole number and B, KiB, MiB or GiB, e.g. 10MiB').transform(parseSize);
const count = z.int().min(1).max(1_000_000);
const modelInterface = z.enum(['chat', 'responses', 'embeddings']);
const environmentReference = words(
  /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/,
  130,
  `a reference to an environment variable, e.g. \${OPENAI_API_KEY}, never the key itself`,
);
const instant = z
  .union(
    [z.iso.date(), z.iso.datetime({ offset: true })],
    'must be a day or an instant, e.g. 2027-01-31 or 2027-01-31T12:00:00Z',
  )
  .transform((text) => new Date(text).toISOString());
const pricePerMillion = z.number().min(0).max(1_000_000);

const apiKey = environmentReference
  .optional()
  .describe(
    `Reference to the environment variable that holds the key, e.g. \${OPENAI_API_KEY}. Resolved only where the server is called.`,
  );
const headers = z
  .record(
    words(/^[\w!#$%&'*+.^`|~-]+$/, 128, 'a header name'),
    words(/^[\t -~]*$/, 4096, 'a header value of printable ASCII'),
  )
  .default({})
  .describe(`Headers sent with every call. Secrets as \${ENV} references, e.g. x-api-key: \${OTHER_KEY}.`);
const timeouts = z
  .strictObject({
    connect: duration.prefault('5s').describe('To establish a connection.'),
    firstByte: duration.prefault('60s').describe('From the request sent to the first byte of its answer.'),
    idle: duration.prefault('30s').describe('Between two parts of an answer.'),
  })
  .prefault({})
  .describe('How long a call may take, by stage.');
const responseSize = size.prefault('16MiB').describe('The largest answer that is accepted.');
const tags = z.record(name, z.string().max(256)).default({});

const provider = z
  .strictObject({
    url: words(/^[!-~]+$/, 2048, 'a URL, e.g. https://api.openai.com/v1').describe(
      `Base URL, up to and including the version, e.g. https://api.openai.com/v1. \${ENV} references are resolved when the file is applied. No user, password or query: those go into apiKey or headers.`,
    ),
    apiKey,
    headers,
    interfaces: z
      .array(modelInterface)
      .min(1)
      .default(['chat'])
      .describe(
        'What it serves: chat (/chat/completions), responses (/responses), embeddings (/embeddings). Where it has chat only, the mesh translates responses.',
      ),
    timeouts,
    responseSize,
  })
  .describe('A connection to an OpenAI-compatible server.');

const target = z
  .strictObject({
    provider: name.describe('Name of a provider of this file.'),
    model: words(/^[!-~][ -~]*$/, 256, 'the name the provider knows')
      .optional()
      .describe("What the provider calls it; default: the model's own name."),
    weight: z
      .number()
      .gt(0, 'must be greater than 0; leave the target out to send it nothing')
      .max(1000)
      .default(1)
      .describe("Its share of the calls, among the model's targets."),
  })
  .describe('One way to have the model served.');

const model = z
  .strictObject({
    targets: z.array(target).min(1).max(64).describe('Who serves it; calls are spread by weight.'),
    fallbacks: z
      .array(modelName)
      .max(16)
      .default([])
      .describe(
        'Other models, used in order when every target failed, and then their fallbacks. Whoever may use this model may be served by them.',
      ),
    interfaces: z
      .array(modelInterface)
      .min(1)
      .optional()
      .describe('What it is for; default: what all of its targets have in common.'),
    tags: tags.describe('Facts that policies can test, e.g. region: eu, as resource.getTag("region").'),
  })
  .describe('A model that clients ask for by this name.');

const price = z
  .strictObject({
    input: pricePerMillion.optional().describe('Of a million input tokens.'),
    output: pricePerMillion.optional().describe('Of a million output tokens.'),
    cachedInput: pricePerMillion
      .optional()
      .describe('Of a million input tokens that the provider had in its cache; default: as input.'),
  })
  .describe('In the currency, per million tokens.');

const amount = z.number().min(0).max(1_000_000);
const toolPrice = z
  .strictObject({
    call: amount.optional().describe('Of a call.'),
    second: amount.optional().describe('Of a second that a call takes.'),
    requestMegabyte: amount.optional().describe('Of a million bytes sent to the tool.'),
    responseMegabyte: amount.optional().describe('Of a million bytes that it answers.'),
  })
  .describe('In the currency. What the tool itself reports that a call cost (parley/cost in _meta) is added.');

const isPattern = (text: string): boolean => {
  try {
    return !new RegExp(text).test('');
  } catch {
    return false;
  }
};

const agent = z
  .strictObject({
    unit: name.describe('The unit that pays for it.'),
    owner: person.describe('The person accountable for what it does, where its key names no other.'),
    url: words(/^[!-~]+$/, 2048, 'a URL, e.g. https://agents.example.com/weather')
      .optional()
      .describe(
        `Of an A2A server: its base URL, below which its card is, or the URL of the card itself. \${ENV} references are resolved when the file is applied.`,
      ),
    apiKey,
    headers,
    timeouts,
    responseSize,
    log: z
      .boolean()
      .default(false)
      .describe('It lives on the log: it reads agents.<name>.inbox and writes agents.<name>.outbox.'),
    partitions: z
      .int()
      .min(1)
      .max(12)
      .default(1)
      .describe('Of its inbox and outbox: how many of its instances can share the work. Cannot be lowered.'),
    tools: z
      .array(
        words(
          /^(\*|[A-Za-z0-9][A-Za-z0-9._-]*\/(\*|[!-~]+))$/,
          321,
          'server/tool, server/* for all of a server, or * for all of all',
        ),
      )
      .max(1000)
      .default([])
      .describe('What it uses of MCP servers. Everything else is refused, whatever policies say.'),
    tags: tags.describe('Facts that policies can test, as resource.getTag("…").'),
  })
  .refine((a) => !(a.url && a.log), { path: ['log'], message: 'an agent with a url does not live on the log' })
  .refine((a) => a.url || (!a.apiKey && Object.keys(a.headers).length === 0), {
    path: ['url'],
    message: 'apiKey and headers are for calling the agent: give its url',
  })
  .describe('A program that calls the mesh. With url or log, others can call it.');

const key = z
  .strictObject({
    hash: words(/^sha256:[0-9a-f]{64}$/, 71, 'sha256:<64 hexadecimal digits>; `parley keys create` makes one').describe(
      'sha256 of the key. The key itself is never in this file.',
    ),
    agent: name.describe('The agent that calls with it.'),
    person: person.optional().describe("The person accountable for these calls; default: the agent's owner."),
    expires: instant
      .optional()
      .describe('From this instant it is refused, e.g. 2027-01-31 (its first moment, UTC) or 2027-01-31T12:00:00Z.'),
    revoked: z.boolean().default(false).describe('Refused from now on. Leave the entry: refusals then name it.'),
  })
  .describe('A credential, by its hash. Without one nobody is let in.');

const isAuthorization = (header: string): boolean => header.toLowerCase() === 'authorization';

const oauth = z
  .strictObject({
    grant: z
      .enum(['authorization_code', 'client_credentials'])
      .default('authorization_code')
      .describe(
        'authorization_code: a person logs the mesh in, with `parley mcp login`. client_credentials: the mesh logs in by itself.',
      ),
    issuer: words(/^https?:\/\/[!-~]+$/, 2048, 'a URL, e.g. https://auth.example.com')
      .optional()
      .describe('The authorization server that knows the client. Its secret or assertions go nowhere else.'),
    clientId: words(/^[ -~]+$/, 2048, 'a client id of printable ASCII')
      .optional()
      .describe('What the authorization server knows the mesh by; default: the mesh registers itself.'),
    clientSecret: environmentReference
      .optional()
      .describe(`Reference to the environment variable that holds it, e.g. \${SEARCH_CLIENT_SECRET}.`),
    privateKey: environmentReference
      .optional()
      .describe(
        'Reference to the environment variable that holds a private key, PKCS #8 in PEM: the client is known by what it signs (private_key_jwt).',
      ),
    algorithm: z
      .enum(['ES256', 'ES384', 'ES512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'])
      .optional()
      .describe('What the private key signs with.'),
    clientMetadataUrl: words(/^https:\/\/[^/\s]+\/[!-~]+$/, 2048, 'an https URL with a path')
      .optional()
      .describe('Where the mesh’s Client ID Metadata Document is, for authorization servers that know clients by one.'),
    scope: words(/^[!-~]+( [!-~]+)*$/, 2048, 'scopes with single spaces between them')
      .optional()
      .describe('What is asked for; default: what the server says it needs.'),
  })
  .refine((o) => o.clientId !== undefined || (o.clientSecret === undefined && o.privateKey === undefined), {
    path: ['clientId'],
    message: 'is needed with clientSecret and with privateKey',
  })
  .refine((o) => o.clientSecret === undefined || o.privateKey === undefined, {
    path: ['privateKey'],
    message: 'give a clientSecret or a privateKey, one of them',
  })
  .refine((o) => (o.privateKey === undefined) === (o.algorithm === undefined), {
    path: ['algorithm'],
    message: 'goes with privateKey',
  })
  .refine((o) => o.issuer !== undefined || (o.clientSecret === undefined && o.privateKey === undefined), {
    path: ['issuer'],
    message: 'is needed with clientSecret and with privateKey, or the MCP server could say where they are sent',
  })
  .refine((o) => o.grant !== 'client_credentials' || o.clientSecret !== undefined || o.privateKey !== undefined, {
    path: ['grant'],
    message: 'client_credentials needs a clientSecret or a privateKey',
  })
  .refine((o) => o.clientId === undefined || o.clientMetadataUrl === undefined, {
    path: ['clientMetadataUrl'],
    message: 'is the client’s id: leave out clientId',
  })
  .describe('How the mesh logs in to the server (OAuth 2.1, as MCP asks for it).');

const PER_MINUTE =
  'Per instance of the mesh: so many at once, refilled evenly over a minute; above it calls are refused, and told when to try again.';

const resultSize = size.refine((bytes) => bytes >= 1024, 'must be at least 1KiB');
const tooLarge = z.enum(['refuse', 'truncate']);

const toolLimits = z
  .strictObject({
    callsInFlight: count.optional().describe('As the server’s, of this tool.'),
    callsPerMinute: count.optional().describe('As the server’s, of this tool.'),
    resultSize: resultSize.optional().describe('Instead of the server’s.'),
    tooLarge: tooLarge.optional().describe('Instead of the server’s.'),
    timeouts: z
      .strictObject({
        firstByte: duration.optional().describe('Instead of the server’s.'),
        idle: duration.optional().describe('Instead of the server’s.'),
      })
      .default({})
      .describe('How long a call of it may take, by stage.'),
  })
  .describe('Limits of a tool.');

const mcpServer = z
  .strictObject({
    url: words(/^[!-~]+$/, 2048, 'a URL, e.g. https://tools.example.com/mcp')
      .optional()
      .describe(
        `Of a server that speaks MCP over HTTP: its endpoint. \${ENV} references are resolved when the file is applied.`,
      ),
    command: z
      .array(z.string().min(1).max(4096))
      .min(1)
      .max(100)
      .optional()
      .describe('Of a server that speaks MCP over stdio: the command that starts it, with its arguments.'),
    env: z
      .record(words(/^[A-Za-z_][A-Za-z0-9_]*$/, 128, 'the name of an environment variable'), z.string().max(4096))
      .default({})
      .describe(`Environment of the command. Secrets as \${ENV} references, e.g. TOKEN: \${GITHUB_TOKEN}.`),
    cwd: z
      .string()
      .min(1)
      .max(1024)
      .optional()
      .describe('Directory that the command is started in; default: the mesh’s.'),
    apiKey,
    oauth: oauth.optional(),
    headers,
    timeouts,
    responseSize,
    version: z.string().min(1).max(64).default('1').describe('For callers and the log, where two stand side by side.'),
    deprecated: z.string().min(1).max(256).optional().describe('What its callers are to use instead.'),
    twins: z
      .array(name)
      .max(8)
      .default([])
      .describe('Servers that do the same. What may be repeated is called there when this one fails.'),
    review: z
      .enum(['changes', 'all'])
      .default('changes')
      .describe(
        'changes: what is seen for the first time, and is not suspicious, may be used; a change is held back until it is approved. all: everything is.',
      ),
    callsInFlight: count.default(100).describe('Per instance of the mesh; above it calls are refused.'),
    callsPerMinute: count
      .optional()
      .describe(`${PER_MINUTE} Default: however many. Counts whatever callers ask of the server.`),
    resultSize: resultSize
      .optional()
      .describe(
        'The largest result that callers get, as JSON; default: responseSize, which is the largest that is read.',
      ),
    tooLarge: tooLarge
      .default('refuse')
      .describe(
        'What becomes of a larger result. truncate: texts are cut, and what has no room is left out, with a word on how much. What is no result of a tool is refused in any case.',
      ),
    tools: z
      .record(z.string().min(1).max(128), toolLimits)
      .default({})
      .describe('Limits of tools, by the names that the server gives them, beside those of the server.'),
    tags: tags.describe('Facts that policies can test of all that it offers, as resource.getTag("…").'),
  })
  .refine((s) => (s.url === undefined) !== (s.command === undefined), {
    path: ['url'],
    message: 'give a url or a command, one of them',
  })
  .refine((s) => s.url !== undefined || (!s.apiKey && !s.oauth && Object.keys(s.headers).length === 0), {
    path: ['url'],
    message: 'apiKey, oauth and headers are for a server with a url; give env to a command',
  })
  .refine((s) => s.oauth === undefined || (!s.apiKey && !Object.keys(s.headers).some(isAuthorization)), {
    path: ['oauth'],
    message: 'is what is presented: leave out apiKey and an authorization header',
  })
  .refine((s) => s.command !== undefined || (s.cwd === undefined && Object.keys(s.env).length === 0), {
    path: ['command'],
    message: 'env and cwd are for a server that is started by a command',
  })
  .superRefine(({ responseSize: read, resultSize: own, tools }, { addIssue }) => {
    const message = 'must not be larger than responseSize';
    if (own !== undefined && own > read) addIssue({ code: 'custom', path: ['resultSize'], message });
    for (const [tool, limits] of Object.entries(tools))
      if (limits.resultSize !== undefined && limits.resultSize > read)
        addIssue({ code: 'custom', path: ['tools', tool, 'resultSize'], message });
  })
  .describe('An MCP server.');

const toolName = words(/^[A-Za-z0-9_.-]+$/, 128, 'a tool name of letters, digits, dots, dashes and underscores');

const endpoint = z
  .strictObject({
    title: z.string().min(1).max(256).optional().describe('What clients show to people.'),
    instructions: z.string().min(1).max(10_000).optional().describe('For the model.'),
    servers: z.array(name).max(100).default([]).describe('Servers all of which is in it, under their own names.'),
    agents: z
      .array(name)
      .max(100)
      .default([])
      .describe('Agents that can be called, each as a tool of its name that sends it a message.'),
    tools: z
      .record(
        toolName,
        z.strictObject({
          server: name.describe('The server that has it.'),
          tool: z.string().min(1).max(128).optional().describe('What the server calls it; default: the same.'),
          description: z.string().min(1).max(10_000).optional().describe('Instead of the server’s.'),
          defaults: z.record(z.string(), z.json()).default({}).describe('Arguments that a caller may leave out.'),
        }),
      )
      .default({})
      .describe('Tools, by the names that clients of this endpoint know them by.'),
  })
  .refine(({ agents, tools }) => !agents.some((agent) => Object.hasOwn(tools, agent)), {
    path: ['agents'],
    message: 'one of them has the name of a tool of this endpoint',
  })
  .describe('A chosen set of what servers offer, as an MCP server of its own at /mcp/<name>.');

/** The file. Durations come out as milliseconds, sizes as bytes, instants as ISO 8601 in UTC. */
export const meshFile = z
  .strictObject({
    providers: z
      // Prices are recorded by target, provider/model, or by resource, as model/name: the two must not be confused.
      .record(
        name
          .refine((provider) => provider !== 'model', 'must not be called model')
          .refine((provider) => provider !== 'tool', 'must not be called tool'),
        provider,
      )
      .default({})
      .describe('Connections to model servers, by name.'),
    models: z.record(modelName, model).default({}).describe('Models that clients can ask for, by name.'),
    prices: z
      .strictObject({
        currency: words(/^[A-Z]{3}$/, 3, 'an ISO 4217 code, e.g. USD')
          .default('USD')
          .describe('ISO 4217.'),
        models: z.record(modelName, price).default({}).describe('Prices by model.'),
        targets: z
          .record(words(/^[!-~][ -~]*$/, 321, 'provider/model'), price)
          .default({})
          .describe("Prices by target, as provider/model; these go before the model's."),
        tools: z
          .record(words(/^[A-Za-z0-9][A-Za-z0-9._-]*\/[!-~]+$/, 321, 'server/tool'), toolPrice)
          .default({})
          .describe('Prices of tools, as server/tool. Those that have none are counted, and cost nothing.'),
      })
      .prefault({})
      .describe(
        'What is charged. Changing it makes a new version; what was recorded keeps the version it was rated by.',
      ),
    tenants: z
      .array(name)
      .default([])
      .describe('Companies or divisions that share the mesh and see nothing of each other.'),
    units: z
      .record(name, z.strictObject({ tenant: name.describe('The tenant it belongs to.') }))
      .default({})
      .describe('Business units: who pays.'),
    people: z.array(person).default([]).describe('Persons who can be accountable, as policies and the log name them.'),
    agents: z
      .record(name, agent)
      .default({})
      .superRefine((agents, { addIssue }) => {
        for (const [agent, { log }] of Object.entries(agents))
          if (log && !agentName.test(agent))
            addIssue({ code: 'custom', path: [agent], message: 'an agent on the log has no dots in its name' });
      })
      .describe('Agents, by name.'),
    keys: z.record(name, key).default({}).describe('API keys, by id.'),
    limits: z
      .strictObject({
        requestsInFlight: count.default(1000).describe('Per instance; above it callers get 503.'),
        requestsInFlightPerKey: count.default(100).describe('Per instance; above it the caller gets 429.'),
        bodySize: size.prefault('10MiB').describe('The largest request body that is accepted.'),
        deadline: duration.prefault('2m').describe('How long a call may take where its caller does not say.'),
        maxDeadline: duration.prefault('10m').describe('The longest that a caller can ask for.'),
      })
      .refine((l) => l.deadline <= l.maxDeadline, {
        path: ['deadline'],
        message: 'must not be longer than maxDeadline',
      })
      .prefault({})
      .describe('What protects the mesh from its callers.'),
    routing: z
      .strictObject({
        maxAttempts: z.int().min(1).max(20).default(3).describe('Attempts per call, over all targets.'),
        breaker: z
          .strictObject({
            failures: z
              .int()
              .min(1)
              .max(1000)
              .default(5)
              .describe('Failures within 30 s that open it, where they are at least half of the calls.'),
            open: duration.prefault('30s').describe('How long it stays open before one call tests the target.'),
          })
          .prefault({})
          .describe('Keeps calls away from a target that fails.'),
      })
      .prefault({})
      .describe('How targets are chosen and given up.'),
    a2a: z
      .strictObject({
        root: name.optional().describe('The agent whose card is at /.well-known/agent-card.json of the host too.'),
        publicUrl: words(/^https?:\/\/[!-~]+$/, 2048, 'a URL, e.g. https://mesh.example.com')
          .transform((url) => url.replace(/\/+$/, ''))
          .optional()
          .describe('Where clients reach the mesh, for the cards of its agents; default: where it listens.'),
        deadline: duration
          .prefault('7d')
          .describe('How long an agent may take for a turn, waiting for others included.'),
        maxDepth: z.int().min(1).max(64).default(8).describe('How many agents in a row may ask one another.'),
        pushTo: z
          .array(words(/^[A-Za-z0-9.:[\]-]+$/, 253, 'a host, e.g. localhost'))
          .default([])
          .describe('Hosts that push notifications may go to although they are private or loopback.'),
      })
      .prefault({})
      .describe('Agents that can be called (A2A).'),
    mcp: z
      .strictObject({
        servers: z.record(name, mcpServer).default({}).describe('MCP servers, by name.'),
        endpoints: z
          .record(name, endpoint)
          .default({})
          .describe('Virtual servers, by name. A server is at /mcp/<its name> too, unless an endpoint has that name.'),
      })
      .prefault({})
      .describe('Tools, prompts and resources (MCP).'),
    redaction: z
      .strictObject({
        fields: z
          .array(words(/^[A-Za-z0-9][A-Za-z0-9 ._-]*$/, 128, 'the name of a field, e.g. card_number'))
          .max(200)
          .default([])
          .describe('Names of fields that hold secrets, alone or at the end of a name, in whatever case.'),
        patterns: z
          .array(
            z
              .string()
              .min(1)
              .max(500)
              .refine(
                isPattern,
                'must be a regular expression, and one that does not match empty text, e.g. DE[0-9]{20}',
              ),
          )
          .max(100)
          .default([])
          .describe('Regular expressions of secrets in text.'),
      })
      .prefault({})
      .describe(
        'What is not shown of events, beside passwords, tokens and keys in use. The log itself holds what was sent.',
      ),
    policies: z
      .array(z.string().min(1).max(1024))
      .max(100)
      .default([])
      .describe('Cedar policy files, as paths or globs relative to this file. Without a permit nothing is allowed.'),
  })
  .describe('The configuration of a Parley mesh.');

export type MeshFile = z.infer<typeof meshFile>;
export type MeshModel = MeshFile['models'][string];
