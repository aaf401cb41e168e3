/** What the mesh answers to a request of either era, but for what belongs to the era. */

import type { Definitions } from '../../runtime/mcp/definitions.ts';
import { sendToAgent } from './agents/send.ts';
import type { AgentTool } from './agents/tool.ts';
import type { Updates } from './agents/updates.ts';
import { type AskedMethod, asked } from './asked.ts';
import { capabilitiesOf, infoOf, instructionsOf } from './lists.ts';
import type { Names } from './names.ts';
import { invalidParams, McpProblem } from './problems.ts';
import { type Exchange, type Mesh, relay } from './relay.ts';
import type { Round } from './rounds.ts';
import type { Seen } from './visible.ts';
import type { Visit } from './visit.ts';

export interface Edge extends Mesh {
  definitions: Definitions;
  updates: Updates;
}

/** The agent that a call means, where it means one. */
export const agentIn = ({ agents }: Names, method: string, params: unknown): AgentTool | undefined => {
  const { name } = (params ?? {}) as { name?: unknown };
  return method === 'tools/call' && typeof name === 'string' ? agents.get(name) : undefined;
};

/** @throws McpProblem where the endpoint is gone */
export const namesOf = ({ visibility }: Edge, { inForce, endpoint }: Visit): Names => {
  const names = visibility.names(inForce, endpoint);
  if (!names) throw new McpProblem(404, 'The endpoint is gone.');
  return names;
};

export const seenBy = ({ visibility }: Edge, { inForce, caller, endpoint }: Visit): Promise<Seen> =>
  visibility.of(inForce, { caller, endpoint });

/** What the endpoint says of itself to this caller. */
export const presentation = async (edge: Edge, visit: Visit) => {
  const names = namesOf(edge, visit);
  const { definitions } = edge;
  const instructions = instructionsOf(names, await seenBy(edge, visit), definitions);
  return {
    info: infoOf(names, visit.endpoint, visit.inForce.version),
    capabilities: capabilitiesOf(names, definitions),
    ...(instructions === undefined ? {} : { instructions }),
  };
};

/** @throws McpProblem */
export const ask = async (
  edge: Edge,
  visit: Visit,
  method: AskedMethod,
  params: unknown,
  exchange: Exchange,
  round?: Round,
): Promise<Record<string, unknown>> => {
  const names = namesOf(edge, visit);
  const agent = agentIn(names, method, params);
  if (agent) {
    const { inForce, caller } = visit;
    if (exchange.key && edge.visibility.seesAgent(edge.context.configuration() ?? inForce, caller, agent.agent))
      throw invalidParams('A tool that is an agent takes no idempotency key.');
    Object.assign(visit.said, { name: agent.name });
    return sendToAgent(edge, visit, agent, (params as { arguments?: unknown }).arguments, exchange);
  }
  const wanted = asked(names, visit.endpoint, method, params);
  Object.assign(visit.said, { name: wanted.name });
  return relay(edge, visit, wanted, exchange, round);
};
