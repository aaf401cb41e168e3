/** A mesh with agents: what it adds to a message, what many tasks in the log cost, and what many agents on the log do. */
import { existsSync, readFileSync } from 'node:fs';
import { type Added, measureAdded } from './agents/added.ts';
import { measureAgents, type RegisteredAgents } from './agents/many-agents.ts';
import { measureTasks, type TasksInLog } from './agents/many-tasks.ts';
import type { Site } from './agents/site.ts';
import { renderAdded, renderAgents, renderTasks } from './agents/table.ts';
import { type Conditions, conditions } from './conditions.ts';
import { progress, type Undo } from './measuring.ts';
import { startCluster } from './scale/cluster.ts';
import { renderConditions } from './scale/table.ts';
import type { Options, Outcome } from './sessions.ts';

/** What the command line says beside what all that can be measured has: nothing in a list leaves its part out. */
export interface AgentsOptions extends Options {
  tasks: number[];
  registered: number[];
  quick: boolean;
  out?: string;
}

/** Small sizes, to see that it works. */
const QUICK: Partial<AgentsOptions> = {
  rounds: 1,
  duration: 1,
  warmUp: 0.3,
  concurrency: [4],
  streamConcurrency: [4],
  tasks: [2_000],
  registered: [5],
};

interface Measured<T> {
  conditions: Conditions;
  figures: T;
}

export interface AgentsFigures {
  added?: Measured<Added>;
  tasks?: Measured<TasksInLog[]>;
  registered?: Measured<RegisteredAgents[]>;
}

const textOf = ({ added, tasks, registered }: AgentsFigures): string =>
  [
    ...(added ? ['A message to an agent:', renderAdded(added.figures), renderConditions(added.conditions)] : []),
    ...(tasks ? ['Tasks in the log:', renderTasks(tasks.figures), renderConditions(tasks.conditions)] : []),
    ...(registered
      ? ['Agents on the log:', renderAgents(registered.figures), renderConditions(registered.conditions)]
      : []),
  ].join('\n\n');

/** What was measured before and is not now stays in the file. */
const earlier = (out: string | undefined): AgentsFigures =>
  out && existsSync(out) ? (JSON.parse(readFileSync(out, 'utf8')) as AgentsFigures) : {};

export const agents = async (
  given: AgentsOptions,
  directory: string,
  undo: Undo,
  signal: AbortSignal,
): Promise<Outcome> => {
  const options = given.quick ? { ...given, ...QUICK } : given;
  progress.update('Starting Kafka');
  const cluster = await startCluster(directory, signal);
  undo.push(cluster.stop);
  const site: Site = { cluster, say: (what) => progress.update(what), signal };
  const { rounds, concurrency, streamConcurrency, tasks, registered, quick } = options;
  const timing = { warmUpMs: options.warmUp * 1000, durationMs: options.duration * 1000 };
  const measured: AgentsFigures = {};
  const faults: string[] = [];
  if (concurrency.length + streamConcurrency.length > 0) {
    const plan = { rounds, whole: concurrency, streams: streamConcurrency, ...timing };
    measured.added = { conditions: conditions(), figures: await measureAdded(plan, site) };
    faults.push(...measured.added.figures.faults);
  }
  if (tasks.length > 0) {
    const plan = { tasks, durationMs: timing.durationMs, settle: !quick };
    measured.tasks = { conditions: conditions(), figures: await measureTasks(plan, site) };
    faults.push(...measured.tasks.figures.flatMap((one) => one.faults));
  }
  if (registered.length > 0) {
    const plan = { registered, inFlight: [1, 16], ...timing };
    measured.registered = { conditions: conditions(), figures: await measureAgents(plan, site) };
    faults.push(...measured.registered.figures.flatMap((one) => one.faults));
  }
  return { document: { ...earlier(options.out), ...measured }, text: textOf(measured), faults };
};
