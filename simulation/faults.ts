/** What goes wrong, and when: drawn from the seed before a run begins. */
import { agentTopics, type TopicName } from '../topics/index.ts';
import type { AgentProcess } from './agent-process.ts';
import type { Cluster } from './cluster.ts';
import { agentNames, configured } from './configuration.ts';
import { SESSION_MS } from './group.ts';
import type { HttpAgent } from './http-agent.ts';
import type { Member } from './member.ts';
import type { MeshProcess } from './process.ts';
import type { Life } from './time.ts';
import type { ToolServer } from './tools/tool-server.ts';
import type { AccessLog } from './upstream.ts';
import type { World } from './world.ts';

export const kinds = [
  'crash',
  'stop',
  'rebalance',
  'freeze',
  'zombie',
  'cut off',
  'outage',
  'duplicate',
  'clock',
  'configuration',
  'poison',
  'sickness',
  'appends',
  'deliveries',
  'commits',
  'agent crash',
  'agent freeze',
  'agent server',
  'tool server',
  'tool change',
  'compaction',
] as const;
export type Kind = (typeof kinds)[number];

/** Within what the mesh takes clocks to agree. */
const MOST_SKEW_MS = 20_000;

export interface Faulty {
  world: World;
  cluster: Cluster;
  processes: readonly MeshProcess[];
  agents: readonly AgentProcess[];
  httpAgents: readonly HttpAgent[];
  toolServers: readonly ToolServer[];
  access: AccessLog;
  /** How many configurations there were. */
  configurations: number;
}

/** A process of the mesh, or of an agent. */
interface Any {
  readonly name: string;
  readonly life: Life;
  readonly members: readonly Member[];
  start(): void;
  crash(): void;
}

/** A process that its groups do not hear for a while, and give up if that lasts. */
const silence = ({ world }: Faulty, process: Any, ms: number): void => {
  const { life } = process;
  const members = [...process.members];
  for (const member of members) member.silence();
  world.after(SESSION_MS, `${process.name} is given up, if it is silent`, () => {
    for (const member of members) if (member.isOver) member.group.remove(member);
  });
  for (const member of members)
    world.after(ms + world.random.between(0, 2_000), 'is heard again', () => member.heard(), life);
};

const crash = (faulty: Faulty, process: Any) => {
  const { world } = faulty;
  const members = [...process.members];
  process.crash();
  world.after(SESSION_MS, `${process.name} is given up`, () => {
    for (const member of members) member.group.remove(member);
  });
  world.after(world.random.between(100, 20_000), `${process.name} starts again`, () => process.start());
};

const freeze = (faulty: Faulty, process: Any) => {
  const { world } = faulty;
  const { life } = process;
  if (life.dead || life.frozen) return;
  const frozen = world.random.chance(0.5) ? world.random.between(100, 5_000) : world.random.between(8_000, 25_000);
  silence(faulty, process, frozen);
  life.freeze();
  world.after(frozen, `${process.name} thaws`, () => life.thaw((happen) => world.after(0, 'thaws', happen)));
};

/** A process that is given up, and what it had sent by then is in the log only once another has gone on from there. */
const cutOff = (faulty: Faulty) => {
  const { world } = faulty;
  const { random } = world;
  const process = random.pick(faulty.processes);
  silence(faulty, process, random.between(SESSION_MS, 25_000));
  const at = world.time.now() + SESSION_MS + random.between(0, 8_000);
  world.after(random.between(0, SESSION_MS), `${process.name} is cut off`, () => process.log?.late(at), process.life);
};

const outage = ({ world, cluster }: Faulty) => {
  cluster.down = true;
  world.after(world.random.between(100, 12_000), 'brokers are back', () => {
    cluster.down = false;
  });
};

const doubled: readonly TopicName[] = [
  'mesh.requests',
  'mesh.decisions',
  'mesh.dispatches',
  'mesh.attempts',
  'mesh.responses',
  'mesh.cancellations',
  'mesh.reports',
  'mesh.task-updates',
  'mesh.sessions',
  'mesh.idempotency-keys',
  ...agentNames.flatMap((name) => Object.values(agentTopics(name))),
];

/** A record is in the log once more, as after a retry of which nobody knew that it was one. */
const duplicate = ({ world, cluster }: Faulty) => {
  const { random } = world;
  const topic = random.pick(doubled);
  const records = cluster.records(topic, random.below(cluster.partitionsOf(topic)));
  if (records.length === 0) return;
  const { offset: _, sequence: __, ...record } = random.pick(records);
  cluster.put({ ...record, time: Math.round(world.time.now()) });
};

const reconfigure = (faulty: Faulty) => {
  const { world } = faulty;
  faulty.configurations += 1;
  const mind = world.random.pick(['lax', 'strict'] as const);
  const servers = faulty.toolServers.map(({ name }) => name);
  const event = configured(mind, servers, faulty.configurations, Math.round(world.time.now()));
  faulty.cluster.state(event);
};

/** A record that says what it is, and is not. */
const poison = ({ world, cluster }: Faulty) => {
  const { random } = world;
  const topic = random.pick(doubled);
  const records = cluster.records(topic, random.below(cluster.partitionsOf(topic)));
  if (records.length === 0) return;
  const { offset: _, sequence: __, ...record } = random.pick(records);
  const id = Buffer.from(`poison ${cluster.length}`);
  const headers = { ...record.headers, ce_id: id, ce_correlationid: id };
  cluster.put({ ...record, headers, value: Buffer.from('rubbish'), time: Math.round(world.time.now()) });
};

const sickness = ({ world, access }: Faulty) => {
  access.sick = ['one', 'two'];
  world.after(world.random.between(500, 8_000), 'upstreams are better', () => {
    access.sick = [];
  });
};

const anyOf = ({ random }: World, servers: readonly ToolServer[]): ToolServer | undefined =>
  servers.length > 0 ? random.pick(servers) : undefined;

const causes: Record<Kind, (faulty: Faulty) => void> = {
  crash: (faulty) => crash(faulty, faulty.world.random.pick(faulty.processes)),
  stop: ({ world, processes }) => {
    const process = world.random.pick(processes);
    const again = () =>
      world.after(world.random.between(100, 5_000), `${process.name} starts again`, () => process.start());
    process.stop(again);
  },
  rebalance: ({ world, cluster }) => world.random.pick([...cluster.groups.values()]).rebalance(),
  freeze: (faulty) => freeze(faulty, faulty.world.random.pick(faulty.processes)),
  zombie: (faulty) =>
    silence(faulty, faulty.world.random.pick(faulty.processes), faulty.world.random.between(1_000, 25_000)),
  'cut off': cutOff,
  outage,
  duplicate,
  clock: ({ world, processes }) => {
    world.random.pick(processes).skew = world.random.between(-MOST_SKEW_MS, MOST_SKEW_MS);
  },
  configuration: reconfigure,
  poison,
  sickness,
  appends: ({ world }) => {
    world.odds = { ...world.odds, appendFails: 0.1, appendSlow: 0.1 };
  },
  deliveries: ({ world }) => {
    world.odds = { ...world.odds, deliverySlow: 0.1 };
  },
  commits: ({ world }) => {
    world.odds = { ...world.odds, commitLost: 0.7 };
  },
  'agent crash': (faulty) => crash(faulty, faulty.world.random.pick(faulty.agents)),
  'agent freeze': (faulty) => freeze(faulty, faulty.world.random.pick(faulty.agents)),
  'agent server': ({ world, httpAgents }) => world.random.pick(httpAgents).restart(world.random.chance(0.4)),
  'tool server': ({ world, toolServers }) => anyOf(world, toolServers)?.die(),
  'tool change': ({ world, toolServers }) => anyOf(world, toolServers)?.change(),
  compaction: ({ cluster }) => cluster.compact(),
};

export interface Fault {
  kind: Kind;
  /** Milliseconds after the beginning. */
  at: number;
}

/**
 * Half of them while something is under way.
 * @param allowed which kinds there may be.
 * @param asked when clients ask, milliseconds after the beginning.
 */
export const drawFaults = ({ random }: World, allowed: readonly Kind[], asked: readonly number[]): Fault[] => {
  if (allowed.length === 0) return [];
  const last = Math.max(...asked);
  const when = () =>
    random.chance(0.5) ? random.pick(asked) + random.between(0, 600) : random.between(0, last + 5_000);
  const faults = Array.from({ length: random.below(7) }, () => ({ kind: random.pick(allowed), at: when() }));
  return faults.sort((a, b) => a.at - b.at);
};

export const cause = (faulty: Faulty, { kind }: Fault): void => {
  if (kind === 'rebalance' && faulty.cluster.groups.size === 0) return;
  causes[kind](faulty);
};
