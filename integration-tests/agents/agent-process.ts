/** Agents on the log in a process of their own, and what it says of them. */
import { until } from '../mesh.ts';
import type { Sign } from './log-agents.ts';
import type { AgentMesh, Spawned } from './mesh.ts';

export interface AgentProcess extends Spawned {
  signs: Sign[];
}

/** Resolves once all of them take messages. */
export const startAgents = async (
  mesh: AgentMesh,
  names: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<AgentProcess> => {
  const one = mesh.spawn('integration-tests/agents/log-agents.ts', { AGENTS: names.join(), ...env });
  const signs: Sign[] = [];
  one.child.on('message', (sign: Sign) => signs.push(sign));
  const ready = () => {
    if (one.child.exitCode !== null) throw new Error(`the agents ended with ${one.child.exitCode}`);
    return signs.filter(({ sign }) => sign === 'ready').length === names.length;
  };
  await until(ready, 'the agents to be ready', 60_000);
  return { ...one, signs };
};
