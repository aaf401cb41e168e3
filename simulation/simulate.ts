/** One seed, from its first request to the verdict. */
import { type ClientAnswer, check, type Evidence, type StepEffect, type Violation } from '../invariants/index.ts';
import { estimateMeters } from '../services/edge-llm/openai/usage.ts';
import { AgentProcess } from './agent-process.ts';
import { Askers, drawTaskAsks, type TaskAsk } from './askers.ts';
import { bodiesWhole } from './bodies.ts';
import { ask, drawAsks } from './clients.ts';
import { type Arrival, Cluster } from './cluster.ts';
import { configured } from './configuration.ts';
import { cause, drawFaults, type Fault, type Faulty, type Kind, kinds } from './faults.ts';
import { cardPublished, createHttpAgents } from './http-agents.ts';
import { agentsTruth } from './http-agents-truth.ts';
import { followTasks, type KnownTasks } from './known-tasks.ts';
import { MeshProcess, type Parts, wholeMesh } from './process.ts';
import { handlerOf } from './programs.ts';
import { randomOf } from './random.ts';
import { beginRandomness } from './randomness.ts';
import { rogueOf } from './rogue.ts';
import { statesOf } from './states.ts';
import { beginTime } from './time.ts';
import { drawToolAsks, type ToolAsk } from './tools/asks.ts';
import { ToolClients } from './tools/clients.ts';
import { drawServers, type ServerOffer } from './tools/offers.ts';
import type { HeardAnswer } from './tools/questions.ts';
import { questionsTruth } from './tools/questions-truth.ts';
import { createToolServers } from './tools/servers.ts';
import type { TaskClients } from './tools/task-clients.ts';
import { tasksTruth } from './tools/tasks-truth.ts';
import { answersOf, callsOf, shownIn, toolsTruth } from './tools/truth.ts';
import type { AccessLog } from './upstream.ts';
import { calm, createWorld, type World } from './world.ts';

// Loaded when first needed, and that takes real time.
await estimateMeters({}, 'openai.chat', '');

/** Not at midnight: a key that is used before and after it names two requests. */
const START = Date.UTC(2026, 0, 1, 12);
/** Longer than any wait of the mesh that is not a deadline. */
const STILL_MS = 16_000;
/** Many times what a run takes. */
const MOST_STEPS = 60_000;
/** A timer that is later than this is not waited for. */
const LATE_MS = 40_000;

export interface Options {
  processes: number;
  /** Which kinds of faults there may be; default all. */
  faults: readonly Kind[];
  parts: Parts;
  /** What agents are asked. */
  taskAsks(world: World): TaskAsk[];
  /** What MCP servers are asked. */
  toolAsks(world: World, offers: readonly ServerOffer[]): ToolAsk[];
  /** Which MCP servers there are. */
  servers(world: World): readonly ServerOffer[];
}

export interface Run {
  seed: number;
  options: Options;
  /** When the mesh began, milliseconds since the epoch. */
  startedAt: number;
  /** When it was ready, and faults began to count. */
  facedAt: number;
  /** Of each record, by its sequence. */
  arrivals: readonly Arrival[];
  violations: Violation[];
  faults: Fault[];
  evidence: Evidence;
  trace: string[];
  /** What clients of MCP had of their tasks. */
  mcpTasks: TaskClients;
  /** What reached MCP servers in answer to their questions. */
  heard: HeardAnswer[];
}

export const defaults: Options = {
  processes: 2,
  faults: kinds,
  parts: wholeMesh,
  taskAsks: drawTaskAsks,
  toolAsks: drawToolAsks,
  servers: drawServers,
};

/** Two processes of one agent, one of another, and one of an agent that keeps to nothing. */
const agentsOf = (
  cluster: Cluster,
  tasks: KnownTasks,
  effects: StepEffect[],
  { overlooked }: Parts,
): AgentProcess[] => [
  ...(['clerk', 'clerk', 'scout'] as const).map((name, i) => {
    const handler = handlerOf(name, cluster, effects);
    return new AgentProcess(cluster, name, i + 1, { handler }, overlooked);
  }),
  new AgentProcess(cluster, 'rogue', 1, { behave: rogueOf(cluster, tasks) }, overlooked),
];

/** Runs a seed. The same seed, options and code make the same run. */
export const simulate = async (seed: number, given: Partial<Options> = {}): Promise<Run> => {
  const options = { ...defaults, ...given };
  const random = randomOf(seed);
  const time = beginTime(START);
  const giveBack = beginRandomness(randomOf(~seed));
  const world = createWorld(random, time);
  const cluster = new Cluster(world, 1 + random.below(3), 1 + random.below(2));
  const access: AccessLog = { calls: [], bodies: [], well: false, sick: [] };
  const names = Array.from({ length: options.processes }, (_, i) => `p${i + 1}`);
  const httpAgents = createHttpAgents(cluster, access);
  const offers = options.servers(world);
  const toolServers = createToolServers(cluster, access, offers);
  const beyond = { httpAgents, toolServers };
  const processes = names.map((name) => new MeshProcess(name, cluster, access, beyond, options.parts));
  const effects: StepEffect[] = [];
  const askers = new Askers(world, processes);
  const tasks: KnownTasks = followTasks(cluster, (task) => askers.see(task));
  const agents = agentsOf(cluster, tasks, effects, options.parts);
  const toolClients = new ToolClients(world, processes, () => cluster.length);
  const faulty: Faulty = { world, cluster, processes, agents, ...beyond, access, configurations: 1 };
  const answers: ClientAnswer[] = [];

  const isSettled = () => [...cluster.groups.values()].every((group) => group.settled);
  const isIdle = () => processes.every((one) => one.idle) && agents.every((one) => one.idle);
  const isStill = () => world.pending() === 0 && isIdle() && isSettled() && !cluster.awaitsTimer(time.now() - LATE_MS);
  let steps = 0;
  const until = async (reached: () => boolean) => {
    while (!reached() && steps < MOST_STEPS) {
      steps += 1;
      await time.step();
    }
  };
  const untilStill = async () => {
    for (;;) {
      await until(isStill);
      const from = time.now();
      await until(() => !isStill() || time.now() > from + STILL_MS || time.waiting() === 0);
      if (isStill() || steps >= MOST_STEPS) return;
    }
  };

  const unhandled: unknown[] = [];
  const notice = (error: unknown) => void unhandled.push(error);
  process.on('unhandledRejection', notice);
  try {
    cluster.state(
      configured(
        'lax',
        offers.map(({ name }) => name),
        1,
        START,
      ),
    );
    for (const agent of httpAgents) cluster.state(cardPublished(agent, START));
    for (const one of [...processes, ...agents]) one.start();
    await until(() => processes.every((one) => one.up) && isSettled());

    const facedAt = time.now();
    const asks = drawAsks(world);
    const taskAsks = options.taskAsks(world);
    const toolAsks = options.toolAsks(world, offers);
    const whens = [...asks, ...taskAsks, ...toolAsks].map(({ at }) => at);
    const last = Math.max(...whens);
    const faults = drawFaults(world, options.faults, whens);
    for (const asked of asks)
      world.after(asked.at, 'a client asks', () => ask(world, processes, asked, (answer) => answers.push(answer)));
    for (const asked of taskAsks) world.after(asked.at, 'a client asks an agent', () => askers.ask(asked, tasks));
    for (const asked of toolAsks) world.after(asked.at, 'a client asks a server', () => toolClients.ask(asked));
    for (const fault of faults) world.after(fault.at, `fault: ${fault.kind}`, () => cause(faulty, fault));
    world.after(last + 10_000, 'faults are over', () => {
      world.odds = calm;
      access.well = true;
    });
    await untilStill();
    if (toolClients.tasks.given.length > 0) {
      toolClients.tasks.askAll();
      await untilStill();
    }

    const records = cluster.all();
    const { told } = toolClients;
    const heard = toolServers.flatMap(({ questions }) => questions.heard);
    const toolCalls = callsOf(toolServers, toolAsks, records);
    const evidence: Evidence = {
      records,
      calls: [...access.calls, ...httpAgents.flatMap(({ sent }) => sent), ...toolCalls],
      answers: [...answers, ...answersOf(told)],
      shown: shownIn(told),
      effects,
      endedAt: time.now(),
      states: statesOf(
        processes,
        records,
        faults.some(({ kind }) => kind === 'cut off'),
      ),
    };
    const violations = [
      ...check(evidence),
      ...bodiesWhole(asks, access, records),
      ...agentsTruth(httpAgents, records),
      ...toolsTruth(toolServers, told, records),
      ...questionsTruth(heard),
      ...tasksTruth({ ...toolClients.tasks, calls: toolCalls, records, arrivals: cluster.arrivals }),
    ];
    for (const error of unhandled)
      violations.push({ invariant: 'nothing unhandled', contextId: '', requestId: '', message: String(error) });
    if (steps >= MOST_STEPS)
      violations.push({
        invariant: 'comes to rest',
        contextId: '',
        requestId: '',
        message: `${steps} steps were not enough`,
      });
    const { arrivals } = cluster;
    const { trace } = world;
    const { tasks: mcpTasks } = toolClients;
    return { seed, options, startedAt: START, facedAt, arrivals, violations, faults, evidence, trace, mcpTasks, heard };
  } finally {
    for (const one of [...processes, ...agents]) one.crash();
    process.off('unhandledRejection', notice);
    giveBack();
    time.end();
  }
};
