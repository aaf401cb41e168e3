/** An instance of the server for tests: what it offers is the same over HTTP and stdio, and in every revision. */
import {
  acceptedContent,
  completable,
  fromJsonSchema,
  inputRequired,
  McpServer,
  type RegisteredTool,
  ResourceTemplate,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { asking, rounds } from './asking-tools.ts';
import { telling } from './telling-tools.ts';
import { type House, object, png, type Tools, text } from './tools.ts';

export interface Offered {
  /** Instead of those the tools have. */
  descriptions: Record<string, string>;
  own: Tools;
  house: House;
  called(tool: string): void;
}

export interface Built {
  server: McpServer;
  describe(tool: string, description: string): void;
  /** URIs of which its session, where it has one, wants to hear. */
  subscribed: Set<string>;
}

const user = <T extends object>(content: T) => ({ role: 'user' as const, content });

const registerResources = (server: McpServer) => {
  const add = (name: string, mimeType: string, body: { text: string } | { blob: string }) =>
    server.registerResource(name, `test://${name}`, { description: `The ${name}.`, mimeType }, (uri) => ({
      contents: [{ uri: uri.href, mimeType, ...body }],
    }));
  add('static-text', 'text/plain', { text: 'This is the content of the static text resource.' });
  add('static-binary', 'image/png', { blob: png.data });
  add('watched-resource', 'text/plain', { text: 'It changes now and then.' });
  const template = new ResourceTemplate('test://template/{id}/data', {
    list: undefined,
    complete: { id: (begun) => ['100', '123', '200'].filter((id) => id.startsWith(begun)) },
  });
  const described = { description: 'Data by id.', mimeType: 'application/json' };
  server.registerResource('data', template, described, (uri, { id }) => ({
    contents: [
      {
        uri: uri.href,
        mimeType: 'application/json',
        text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
      },
    ],
  }));
};

const places = ['paris', 'park', 'party'];

const registerPrompts = (server: McpServer) => {
  server.registerPrompt('test_simple_prompt', { description: 'A simple one.' }, () => ({
    messages: [user(text('This is a simple prompt for testing.'))],
  }));
  server.registerPrompt(
    'test_prompt_with_arguments',
    {
      description: 'One with two arguments.',
      argsSchema: z.object({
        arg1: completable(z.string().describe('The first.'), (begun) =>
          places.filter((place) => place.startsWith(begun)),
        ),
        arg2: z.string().describe('The second.'),
      }),
    },
    ({ arg1, arg2 }) => ({ messages: [user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))] }),
  );
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    { description: 'One with a resource.', argsSchema: z.object({ resourceUri: z.string() }) },
    ({ resourceUri: uri }) => ({
      messages: [
        user({
          type: 'resource' as const,
          resource: { uri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' },
        }),
        user(text('Please process the embedded resource above.')),
      ],
    }),
  );
  server.registerPrompt('test_prompt_with_image', { description: 'One with an image.' }, () => ({
    messages: [user(png), user(text('Please analyze the image above.'))],
  }));
  server.registerPrompt('test_input_required_result_prompt', { description: 'One that asks.' }, ({ mcpReq }) => {
    const given = acceptedContent<{ context: string }>(mcpReq.inputResponses, 'user_context');
    if (given) return { messages: [user(text(`In the context of ${given.context}`))] };
    const requestedSchema = object({ context: { type: 'string' } }, ['context']) as never;
    return inputRequired({
      inputRequests: {
        user_context: inputRequired.elicit({ message: 'What context should the prompt use?', requestedSchema }),
      },
    });
  });
};

export const buildServer = ({ descriptions, own, house, called }: Offered): Built => {
  const server = new McpServer(
    { name: 'upstream', version: '1.0.0' },
    {
      capabilities: {
        logging: {},
        completions: {},
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { listChanged: true, subscribe: true },
      },
      requestState: { verify: rounds.verify },
    },
  );
  const registered = new Map<string, RegisteredTool>();
  for (const [name, { description, schema = object({}), output, annotations, run }] of Object.entries({
    ...telling,
    ...asking,
    ...own,
  })) {
    const how = {
      description: descriptions[name] ?? description ?? `Does what the scenario of ${name} says.`,
      inputSchema: fromJsonSchema<Record<string, unknown>>(schema),
      ...(output && { outputSchema: fromJsonSchema<Record<string, unknown>>(output) }),
      ...(annotations && { annotations }),
    };
    const tool = server.registerTool(name, how, async (args, context) => {
      called(name);
      return run(args, context, house);
    });
    registered.set(name, tool);
  }
  registerResources(server);
  registerPrompts(server);
  const subscribed = new Set<string>();
  server.server.setRequestHandler('resources/subscribe', ({ params: { uri } }) => {
    subscribed.add(uri);
    return {};
  });
  server.server.setRequestHandler('resources/unsubscribe', ({ params: { uri } }) => {
    subscribed.delete(uri);
    return {};
  });
  const describe = (tool: string, description: string) => registered.get(tool)?.update({ description });
  return { server, describe, subscribed };
};
