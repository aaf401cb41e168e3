/**
 * mesh.yaml: the one declarative file. Strict, so that a misspelt field is an error; each field is described, for
 * mesh.schema.json is made from this.
 */
import { z } from 'zod';
import { agentName } from '../../topics/index.ts';
import { count, duration, modelName, name, person, size, words } from './mesh-file/fields.ts';
import { endpoint, mcpServer } from './mesh-file/mcp.ts';
import { model, price, provider, toolPrice } from './mesh-file/models.ts';
import { agent, key } from './mesh-file/people.ts';

const isPattern = (text: string): boolean => {
  try {
    return !new RegExp(text).test('');
  } catch {
    return false;
  }
};

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
