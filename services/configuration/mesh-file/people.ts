/** mesh.yaml: agents, and the keys that they call with. */
import { z } from 'zod';
import { apiKey, headers, instant, name, person, responseSize, tags, timeouts, words } from './fields.ts';

export const agent = z
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

export const key = z
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
