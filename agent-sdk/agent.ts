import type { Consumer } from 'kafkajs';
import pino, { type Logger } from 'pino';
import type { AgentCard } from './card.ts';
import { wholeCard } from './card.ts';
import { milliseconds } from './duration.ts';
import { type Environment, readEnvironment } from './environment.ts';
import type { Handler } from './handler.ts';
import { newId } from './ids.ts';
import { type Codec, createCodec } from './kafka/codec.ts';
import { createKafka } from './kafka/connection.ts';
import { headersOf } from './kafka/envelope.ts';
import { joinInbox } from './kafka/membership.ts';
import { createOutbox, type Outgoing, partitionOfKey } from './kafka/outbox.ts';
import { Partition } from './kafka/partition.ts';
import { createReader, type Reader } from './kafka/reader.ts';

export interface AgentOptions {
  /** As mesh.yaml names it. */
  name: string;
  /** What it is and can do. */
  card: AgentCard;
  /** How many tasks may be at work at the same time; those that wait do not count. Default 100. */
  concurrency?: number;
  /** How long a task that waits is kept in memory, e.g. '30s' (the default). */
  idle?: string | number;
  /** Default: process.env. */
  env?: NodeJS.ProcessEnv;
}

export interface Agent {
  readonly name: string;
  readonly handler: Handler;
  /** Announces the agent, and takes its messages. @throws Error that says what is missing. */
  start(): Promise<void>;
  /** Takes no more, lets what is at work come to a place where it waits, and leaves. */
  stop(): Promise<void>;
}

const topicsOf = ({ prefix }: Environment, name: string) => ({
  inbox: `${prefix}agents.${name}.inbox`,
  outbox: `${prefix}agents.${name}.outbox`,
});

/** @returns how many partitions each has. */
const checkTopics = async (reader: Reader, name: string, inbox: string, outbox: string): Promise<number> => {
  const counts = await Promise.all([inbox, outbox].map((topic) => reader.partitions(topic))).catch((cause: unknown) => {
    const advice = `is \`${name}: { log: true, … }\` among the agents of mesh.yaml, and applied?`;
    throw new Error(`${inbox} and ${outbox} can't be used: ${advice} (${(cause as Error).message})`, { cause });
  });
  const [partitions = 0, others] = counts;
  if (partitions !== others) throw new Error(`${inbox} has ${partitions} partitions and ${outbox} has ${others}`);
  return partitions;
};

const announcementOf = (codec: Codec, name: string, card: object): Outgoing => {
  const value = codec.encode('AgentAnnounced', { agent: name, card: Buffer.from(JSON.stringify(card)) });
  const about = { id: newId(), type: 'AgentAnnounced', source: `agent/${name}`, key: name, time: Date.now() };
  const headers = headersOf({ ...about, correlationId: `agent/${name}`, causationId: '', traceparent: '', taskId: '' });
  return { key: name, value, headers };
};

/** Ends the agent well when the process is told to end: its tasks need not wait until its membership has run out. */
const onSignals = (stop: () => Promise<void>): (() => void) => {
  const end = async (signal: NodeJS.Signals) => {
    forget();
    await stop();
    process.kill(process.pid, signal);
  };
  const onSignal = (signal: NodeJS.Signals) => void end(signal);
  const forget = () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
  return forget;
};

type Undo = () => unknown;

const run = async (
  options: AgentOptions,
  handler: Handler,
  logger: Logger,
  environment: Environment,
): Promise<Undo[]> => {
  const { name, card, concurrency = 100, idle = '30s' } = options;
  const { inbox, outbox } = topicsOf(environment, name);
  const undo: Undo[] = [];
  try {
    const kafka = createKafka(environment, `parley-agent-${name}`, logger);
    const reader = await createReader(kafka);
    undo.push(reader.close);
    const partitions = await checkTopics(reader, name, inbox, outbox);
    const codec = await createCodec(environment);
    const writer = await createOutbox(kafka, outbox, logger);
    undo.push(writer.close);
    await writer.append(partitionOfKey(name, partitions), [announcementOf(codec, name, wholeCard(card, inbox))]);
    const shared = { agent: name, handler, inbox, outbox, reader, writer, codec, logger, idleMs: milliseconds(idle) };
    const consumer: Consumer = kafka.consumer({
      groupId: `${environment.prefix}agent.${name}.tasks`,
      sessionTimeout: 10_000,
      rebalanceTimeout: 20_000,
      heartbeatInterval: 2_000,
      maxWaitTimeInMs: 1_000,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5, restartOnFailure: async () => true },
    });
    const writeLog = (level: 'debug' | 'info' | 'warn' | 'error', fields: object, message: string) =>
      logger[level](fields, message);
    const create = (number: number, freed: () => void) => new Partition(number, { ...shared, writeLog, freed });
    undo.push(await joinInbox({ consumer, topic: inbox, concurrency, logger, create }));
    return undo;
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
};

/**
 * An agent that lives on the mesh's log: no port, no store. What it says and what it is told lies in its two topics, and a
 * task that was interrupted, by a crash or by a wait of days, goes on from there.
 * @throws TypeError for a name that can't be a part of a topic's.
 */
export const createAgent = (options: AgentOptions): { onMessage(handler: Handler): Agent } => {
  const { name } = options;
  if (!/^[a-z0-9][a-z0-9-]*$/.test(name))
    throw new TypeError(`'${name}' is no name of an agent: lower case, digits, hyphens`);
  return {
    onMessage: (handler) => {
      let running: Promise<Undo[]> | undefined;
      let forget = () => {};
      const stop = async () => {
        forget();
        const undo = await running?.catch(() => []);
        running = undefined;
        for (const step of undo?.reverse() ?? []) await step();
      };
      return {
        name,
        handler,
        start: async () => {
          const environment = readEnvironment(options.env ?? process.env);
          const logger = pino(
            { level: environment.logLevel, base: { agent: name } },
            pino.destination({ dest: 2, sync: true }),
          );
          running ??= run(options, handler, logger, environment);
          await running;
          forget = onSignals(stop);
          logger.info('the agent takes messages');
        },
        stop,
      };
    },
  };
};
