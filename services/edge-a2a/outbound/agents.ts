/** The agents that can be called: their connections as configured, their cards as published, and a client for each. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../../runtime/configuration.ts';
import type { Dispatchers } from '../../runtime/outbound/dispatchers.ts';
import { type Fault, faultOf } from '../../runtime/outbound/faults.ts';
import { credentialsOf, MissingVariable, secretsOf } from '../../runtime/outbound/secrets.ts';
import type { ServiceContext } from '../../runtime/service.ts';
import { httpAgents } from '../cards/http-agents.ts';
import type { KnownCards } from '../cards/known-cards.ts';
import { type AgentClient, createAgentClient } from './agent-client.ts';
import { CallFailed } from './call-failed.ts';

export interface Agents {
  connectionOf(agent: string): Connection | undefined;
  /** What must not be seen of what the agent says. */
  secretsOf(agent: string): () => readonly string[];
  /** @throws CallFailed where it cannot be called. */
  clientOf(agent: string): Promise<AgentClient>;
  /** Waits a while for a card that is still to be fetched. @throws CallFailed; the signal's reason */
  readyClientOf(agent: string, signal: AbortSignal): Promise<AgentClient>;
}

const WAIT_MS = 50;

const failed = (fault: Fault) => new CallFailed(fault, '', false);

export const createAgents = (
  context: ServiceContext,
  cards: Pick<KnownCards, 'of' | 'refusalOf'>,
  dispatchers: Dispatchers,
): Agents => {
  const clients = new Map<string, { settings: string; client: Promise<AgentClient> }>();
  const connectionOf = (agent: string) => httpAgents(context.configuration()).get(agent);

  const clientOf = async (agent: string): Promise<AgentClient> => {
    const connection = connectionOf(agent);
    if (!connection) throw failed(faultOf('MISCONFIGURED', `The agent ${agent} is not configured.`, false));
    const known = cards.of(agent);
    if (!known) {
      const why = cards.refusalOf(agent)?.reason ?? 'It was not fetched yet.';
      throw failed(faultOf('CONNECT_FAILED', `The card of the agent ${agent} is not known. ${why}`, false));
    }
    const settings = `${known.digest} ${JSON.stringify(connection)}`;
    const cached = clients.get(agent);
    if (cached?.settings === settings) return cached.client;
    const client = createAgentClient(
      known.card,
      connection,
      context.environment,
      dispatchers.of(connection),
      context.logger,
    );
    clients.set(agent, { settings, client });
    try {
      return await client;
    } catch (error) {
      clients.delete(agent);
      if (error instanceof MissingVariable)
        throw failed(faultOf('MISCONFIGURED', `For ${connection.id}, ${error.message}.`, false));
      throw error;
    }
  };

  return {
    connectionOf,
    secretsOf: (agent) => () => {
      const connection = connectionOf(agent);
      try {
        return connection ? secretsOf(connection, credentialsOf(connection, context.environment)) : [];
      } catch {
        return [];
      }
    },
    clientOf,
    readyClientOf: async (agent, signal) => {
      const until = context.now() + (connectionOf(agent)?.connectTimeoutMs ?? 0);
      while (!cards.of(agent) && !cards.refusalOf(agent) && context.now() < until)
        await sleep(WAIT_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
      return clientOf(agent);
    },
  };
};
