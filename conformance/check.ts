/** What a test of a rule is. */
import type { AgentProcess } from './agent-process.ts';
import type { Mesh } from './mesh.ts';
import type { Rule } from './rules.ts';

export interface Check {
  rule: Rule;
  what: string;
  /** @throws where the agent does not keep the rule: the message says what it did. */
  run(mesh: Mesh): Promise<void>;
}

/** One that needs to start and stop the agent. */
export interface RestartCheck extends Omit<Check, 'run'> {
  run(mesh: Mesh, agent: AgentProcess): Promise<void>;
}

/** @throws saying what was found instead. */
export const mustEqual = (found: unknown, wanted: unknown, what: string): void => {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: ${a.slice(0, 300)}, not ${b.slice(0, 300)}`);
};

export const must = (holds: boolean, otherwise: string): void => {
  if (!holds) throw new Error(otherwise);
};
