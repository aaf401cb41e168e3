/** mesh.yaml: MCP servers, and the endpoints that are made of them. */
import { z } from 'zod';
import { apiKey, count, duration, headers, name, responseSize, size, tags, timeouts, words } from './fields.ts';
import { oauth } from './oauth.ts';

const isAuthorization = (header: string): boolean => header.toLowerCase() === 'authorization';

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

export const mcpServer = z
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

export const endpoint = z
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
