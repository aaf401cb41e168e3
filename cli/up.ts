import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import pino from 'pino';
import { terminalProgress } from '../embedded/progress.ts';
import { startEmbedded } from '../embedded/start.ts';
import { applyConfiguration } from '../services/configuration/apply.ts';
import { loadConfiguration } from '../services/configuration/load.ts';
import { ConfigurationRefused } from '../services/configuration/problem.ts';
import { watchMeshFile } from '../services/configuration/watch.ts';
import { describeServices, services } from '../services/index.ts';
import { type Environment, readEnvironment } from '../services/runtime/environment.ts';
import { applyTopics, type GovernanceOptions } from '../services/runtime/governance/index.ts';
import type { KafkaOptions } from '../services/runtime/kafka/connection.ts';
import { patiently } from '../services/runtime/patiently.ts';
import { type ProcessOptions, type RunningProcess, startProcess } from '../services/runtime/process.ts';
import type { RegistryOptions } from '../services/runtime/registry.ts';
import { untilSignalled } from '../services/runtime/signals.ts';
import { provisionAgents } from './provision-agents.ts';
import { printConversation } from './replay.ts';
import { findDefinition, readKnown } from './tools/known.ts';
import { findingsOf } from './tools/look.ts';
import { diffText } from './tools/text.ts';
import { agentSurvives } from './up/agent-survives.ts';
import { modelCallsAnswered } from './up/calls-answered.ts';
import { withExamples } from './up/examples.ts';
import { curl, firstCall } from './up/first-call.ts';
import { toolHeldBack } from './up/held-back-tool.ts';
import { withSigningKey } from './up/signing-key.ts';

const EXAMPLE = join(import.meta.dirname, '..', 'examples', 'mesh.yaml');
const DATA = resolve('.parley');
const CONFIGURED_WITHIN_MS = 15_000;

const say = (line: string) => console.error(line);

/** mesh.yaml of this directory, where there is one; the example otherwise. */
const meshFile = (given: string | undefined): string => given ?? (existsSync('mesh.yaml') ? 'mesh.yaml' : EXAMPLE);

const until = async (condition: () => boolean, withinMs: number, what: string): Promise<void> => {
  const end = Date.now() + withinMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`${what} did not happen within ${withinMs / 1000} s`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
};

type Cluster = { kafka: KafkaOptions; registry: RegistryOptions };

const clusterOf = async (
  { cluster, clientId, topicPrefix }: Environment,
  signal: AbortSignal,
): Promise<Cluster & { stop(): Promise<void> }> => {
  if (cluster) {
    say(`Kafka at ${cluster.kafka.brokers.join(', ')}, schema registry at ${cluster.registry.url}`);
    return { ...cluster, stop: async () => {} };
  }
  const { brokers, registryUrl, stop } = await startEmbedded({ dir: DATA, progress: terminalProgress(), signal });
  return { kafka: { brokers, clientId }, registry: { url: registryUrl, prefix: topicPrefix }, stop };
};

const applyFile = async (
  path: string,
  running: RunningProcess,
  env: NodeJS.ProcessEnv,
  cluster: GovernanceOptions,
): Promise<void> => {
  const { version, changed, diff } = await applyConfiguration({
    log: running.log,
    path,
    env,
    now: Date.now,
    provision: (agents) => provisionAgents(cluster, agents),
  });
  await until(() => running.configuration()?.version === version, CONFIGURED_WITHIN_MS, `configuration ${version}`);
  if (changed) say([`Configuration ${version} is in force`, ...diff.map((line) => `  ${line}`)].join('\n'));
};

const prove = async (url: string, running: RunningProcess): Promise<void> => {
  const conversation = await firstCall(url);
  say(`\nOne call through the mesh, as it is in the log (parley replay ${conversation}):\n`);
  await printConversation(running.log, conversation, process.stderr);
};

const proveAgent = async (url: string, running: RunningProcess, cluster: Cluster, topicPrefix: string) => {
  say(
    '\nAn agent that lives on the log takes ten steps for a task. It is killed (kill -9) after the fourth and started again:',
  );
  const environment = {
    ...process.env,
    KAFKA_BROKERS: cluster.kafka.brokers.join(','),
    SCHEMA_REGISTRY_URL: cluster.registry.url,
    PARLEY_TOPIC_PREFIX: topicPrefix,
  };
  const answered = (contextId: string) => modelCallsAnswered(running.log, contextId);
  const { contextId, pids, answer } = await agentSurvives(url, environment, join(DATA, 'agents.log'), answered);
  say(
    `\n  “${answer}”\n\nTwo processes (${pids.join(' and ')}), one task, no step twice (parley replay ${contextId}):\n`,
  );
  await printConversation(running.log, contextId, process.stderr);
};

const proveTools = async (url: string, running: RunningProcess, dir: string) => {
  say(
    '\nTools of four MCP servers behind one endpoint. Each caller sees what its agent declares and policy permits:\n',
  );
  const list = (names: string[]) =>
    `${names.length} tools: ${names.slice(0, 5).join(', ')}${names.length > 5 ? ' …' : ''}`;
  await toolHeldBack(
    url,
    dir,
    ({ research, support, answer }) => {
      say(`  research  ${list(research)}\n  support   ${list(support)}\n  currency__convert answers “${answer}”`);
      say('\nThen that tool changes what it says of itself. It is held back (parley tools diff currency/convert):\n');
    },
    async (refusal) => {
      const known = await readKnown(running.log);
      const convert = findDefinition(known, 'currency/convert', 'tool');
      for (const line of diffText(convert, findingsOf(known, convert))) say(`  ${line}`);
      say(`  A call of it is answered “${refusal}”.`);
    },
  );
};

/** The example's key is good for the example only. */
const calling = (url: string, path: string): string =>
  path === EXAMPLE
    ? `any OpenAI client works against it. A call to paste:

  ${curl(url)}

Agents are at ${url}/a2a, tools at ${url}/mcp, with the same key.`
    : `any OpenAI client works against it, with a key that is in ${path}:

  npm run -s parley -- keys create my-bot --agent <agent>

Agents are at ${url}/a2a, tools at ${url}/mcp, with the same key.`;

const ready = (url: string, path: string, { kafka, registry }: Cluster): string => `
Ready at ${url}/v1: ${calling(url, path)}

Where to look:  npm run -s parley -- tail          events as they happen
                npm run -s parley -- --help        replay, usage, audit, topics …
                ${url}/metrics   /healthz   /readyz
                ${path}                            saving it puts it in force
                ${join(DATA, 'parley.log')}

Other programs beside it (agents, consumers, more services) find the log by

  export KAFKA_BROKERS=${kafka.brokers.join(',')} SCHEMA_REGISTRY_URL=${registry.url}

Ctrl-C stops everything; the conversations stay.`;

const up = async ({ mesh, proof }: { mesh?: string; proof: boolean }): Promise<void> => {
  const environment = readEnvironment(process.env);
  const path = meshFile(mesh);
  const stopping = new AbortController();
  const signalled = untilSignalled().then((signal) => stopping.abort(new Error(`stopped by ${signal}`)));
  const undo: (() => Promise<unknown>)[] = [];
  mkdirSync(DATA, { recursive: true });
  const logFile = pino.destination({ dest: join(DATA, 'parley.log'), sync: false });
  const logger = pino({ level: environment.logLevel }, logFile);
  try {
    const example = await withExamples(process.env, DATA);
    undo.push(example.close);
    // A typing error is told before anything is started.
    await loadConfiguration({ path, env: example.env });
    const cluster = await clusterOf(environment, stopping.signal);
    undo.push(cluster.stop);
    stopping.signal.throwIfAborted();
    const { topicPrefix, partitions, host, port, grpcPort, dataDir } = environment;
    const progress = terminalProgress();
    const governed = { ...cluster, topicPrefix, partitions, logger };
    const left = await applyTopics(governed, (done, total, what) =>
      progress.update(`Topics and schemas ${done}/${total}: ${what}`),
    );
    progress.done('Topics, schemas and compatibility levels are as topics/ and schemas/ say');
    for (const drift of left) say(`  left: ${drift.what}`);
    stopping.signal.throwIfAborted();
    say(`\n${describeServices(services)}\n`);
    const options: ProcessOptions = {
      ...cluster,
      topicPrefix,
      host,
      port,
      grpcPort,
      dataDir: dataDir ?? join(DATA, 'views'),
      services,
      alsoWrites: ['MeshConfigured'],
      logger,
      environment: await withSigningKey(example.env, DATA),
    };
    const running = await patiently(() => startProcess(options), logger, stopping.signal);
    undo.push(running.stop);
    await applyFile(path, running, example.env, governed);
    const watch = await watchMeshFile(path, async () => {
      await applyFile(path, running, example.env, governed).catch((error: unknown) => {
        if (!(error instanceof ConfigurationRefused)) throw error;
        say(`${error.message}\nThe configuration before stays in force.`);
      });
    });
    undo.push(watch.close);
    if (proof && path === EXAMPLE) {
      await prove(running.url, running);
      await proveAgent(running.url, running, cluster, topicPrefix);
      await proveTools(running.url, running, example.env.EXAMPLE_DIR!);
    }
    say(ready(running.url, path, cluster));
    await signalled;
    say('\nStopping: calls in flight are finished first.');
  } finally {
    for (const step of undo.reverse()) await step();
    logFile.flushSync();
  }
};

export const upCommand = new Command('up')
  .description(
    'start the whole mesh on this machine: Kafka and a schema registry too, unless KAFKA_BROKERS names a cluster',
  )
  .option('--mesh <file>', 'the configuration to apply and watch; default mesh.yaml here, or the example')
  .option('--no-proof', 'make no first call')
  .addHelpText(
    'after',
    `
Environment:
  PARLEY_PORT=4000 PARLEY_HOST=127.0.0.1     where to listen
  KAFKA_BROKERS, SCHEMA_REGISTRY_URL         a cluster that exists, instead of the embedded one
  KAFKA_SSL=true KAFKA_SSL_CA_FILE KAFKA_SSL_CERT_FILE KAFKA_SSL_KEY_FILE
  KAFKA_SASL_MECHANISM=plain|scram-sha-256|scram-sha-512 KAFKA_SASL_USERNAME KAFKA_SASL_PASSWORD
  SCHEMA_REGISTRY_USERNAME SCHEMA_REGISTRY_PASSWORD
  PARLEY_TOPIC_PREFIX                        put before every topic, subject and group
  PARLEY_PARTITIONS=6                        of each topic, when they are made: as many instances can share the work
  OTEL_EXPORTER_OTLP_ENDPOINT                traces are exported there
  LOG_LEVEL=info

Example:
  npm start -- --mesh mesh.yaml`,
  )
  .action(up);
