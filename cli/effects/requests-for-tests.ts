/** Test support: a call of a tool, as edge-mcp states it. */
import { argumentsOf } from '../../services/runtime/mcp/arguments.ts';
import { writeRequest } from '../../services/runtime/mcp/message.ts';
import { requestForTests } from '../../services/runtime/request-for-tests.ts';

export const attribution = (tool: string) => ({
  subject: {
    tenant: 'acme',
    unit: 'support',
    agent: 'bot',
    person: 'lead@acme.example',
    credential: 'key-1',
    actors: [],
  },
  action: 'tool.call',
  resource: { type: 'tool', id: `crm/${tool}` },
});

export const toolRequest = (
  tool: string,
  given: Record<string, unknown>,
  { id = 'request', contextId = 'acme:c1' }: { id?: string; contextId?: string } = {},
) =>
  requestForTests({
    id,
    contextId,
    ...attribution(tool),
    protocol: 'mcp',
    deadline: 0,
    streaming: true,
    message: writeRequest({ method: 'tools/call', params: { name: tool, arguments: given, _meta: {} } }),
    arguments: argumentsOf(given),
  });
