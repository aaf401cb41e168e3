/** One processor alone in its shell, fed with a log as it once was, with whatever of it comes again. */
import pino from 'pino';
import type { LoggedRecord } from '../invariants/index.ts';
import type { Log } from '../services/runtime/log.ts';
import { createMetrics } from '../services/runtime/metrics.ts';
import { processorService } from '../services/runtime/processor.ts';
import type { ServiceContext } from '../services/runtime/service.ts';
import { withoutExporter } from '../services/runtime/tracing.ts';
import type { EventType } from '../topics/index.ts';
import { Cluster } from './cluster.ts';
import { createSimulatedLog, type SimulatedLog } from './log.ts';
import type { AnyProcessor } from './process.ts';
import { randomOf } from './random.ts';
import { beginTime, Life } from './time.ts';
import { createWorld } from './world.ts';

export interface Redelivery {
  /** Decides deliveries. */
  seed: number;
  /** Of each record of the log: after how many others it comes once more; 0: not at all. */
  again: readonly number[];
  /** Whether each record is dealt with before the next one is there: for what depends on the order across partitions. */
  inTurn: boolean;
  /** Before which records the processor's process dies, and another takes over. */
  crashes: readonly number[];
}

export const once: Redelivery = { seed: 1, again: [], crashes: [], inTurn: true };

export interface Outcome {
  /** What is in the log, what the processor stated included. */
  records: LoggedRecord[];
  /** What it holds at the end. */
  state: unknown;
}

const metrics = createMetrics();
const logger = pino({ level: 'silent' });

/** @param inputs what it reads and follows, in the order of the log. */
export const runAlone = async (
  processorOf: (log: Log) => AnyProcessor,
  inputs: readonly LoggedRecord[],
  { seed, again, crashes, inTurn }: Redelivery,
): Promise<Outcome> => {
  const time = beginTime(Math.max(0, ...inputs.map((input) => input.time)));
  const world = createWorld(randomOf(seed), time);
  const cluster = new Cluster(world, 2);
  let state: unknown;
  let log: SimulatedLog | undefined;
  let life = new Life('p');
  let follows: readonly EventType[] = [];

  const start = () => {
    life = new Life('p');
    log = createSimulatedLog(cluster, life, () => Math.round(time.now()));
    const processor = processorOf(log);
    follows = processor.follows;
    const held = <S>(value: S): S => {
      state = value;
      return value;
    };
    const service = processorService({
      ...processor,
      initialState: () => held(processor.initialState()),
      evolve: (before, event) => held(processor.evolve(before, event)),
    });
    const context = { log, logger, metrics, tracing: withoutExporter, now: () => Math.round(time.now()) };
    life.enter(() => void service.start(context as unknown as ServiceContext));
  };
  const rest = async () => {
    const isStill = () => world.pending() === 0 && log!.members.length > 0 && log!.idle();
    while (!isStill()) await time.step();
  };
  const put = ({ topic, raw, key, time: stated }: LoggedRecord) =>
    cluster.put({ ...raw, topic, partition: cluster.partitionOf(key, topic), time: stated });

  try {
    start();
    await rest();
    const coming: LoggedRecord[] = [...inputs];
    for (const [i, after] of [...again.entries()].reverse())
      if (after > 0 && inputs[i]) coming.splice(Math.min(coming.length, i + after), 0, inputs[i]);
    for (const [i, input] of coming.entries()) {
      if (crashes.includes(i)) {
        life.dead = true;
        log!.abandon();
        for (const member of log!.members) member.group.remove(member);
        start();
      }
      // Which of two topics it hears of first is chance, and no redelivery.
      const isFollowed = follows.includes(input.type);
      if (isFollowed) await rest();
      put(input);
      if (inTurn || isFollowed || world.random.chance(0.5)) await rest();
    }
    await rest();
    return { records: cluster.all(), state };
  } finally {
    life.dead = true;
    time.end();
  }
};
