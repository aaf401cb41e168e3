/** A mesh with agents for the tests of one file: its topics, its mesh.yaml, and the services as processes of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyConfiguration } from '../../services/configuration/apply.ts';
import { applyAgentTopics, type GovernanceOptions } from '../../services/runtime/governance/index.ts';
import type { Log } from '../../services/runtime/log.ts';
import { newSigningKey } from '../../services/runtime/signing.ts';
import { freePort } from '../child.ts';
import { freshCluster, openLog } from '../cluster.ts';
import { until } from '../mesh.ts';

/** `desk` and `shop` belong to the same tenant, `rival` to another one. */
export const keys = { desk: 'sk-test-desk', shop: 'sk-test-shop', rival: 'sk-test-rival' };
const hashed = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`;

const POLICIES = `
@id("example-may") permit(principal in Tenant::"example", action, resource);
@id("others-may-not-hidden") forbid(principal, action, resource == Agent::"example/hidden")
  unless { principal == Agent::"example/desk" };
`;

/** Of an agent: where its A2A server is, or that it lives on the log, and the tools that it has declared. */
export type AgentPlace = { url: string } | { log: true; partitions?: number; tools?: string[] };

export interface MeshOptions {
  agents: Record<string, AgentPlace>;
  /** Serves the model `small`. */
  models?: string;
  /** Of mesh.yaml's `a2a`. */
  a2a?: Record<string, string>;
  /** Of mesh.yaml's `mcp`. */
  servers?: Record<string, object>;
  endpoints?: Record<string, object>;
}

const placed = (place: AgentPlace) =>
  'url' in place
    ? `url: '${place.url}'`
    : `log: true, partitions: ${place.partitions ?? 1}, tools: ${JSON.stringify(place.tools ?? [])}`;

const meshYaml = ({ agents, models, a2a = {}, servers = {}, endpoints = {} }: MeshOptions): string => `
providers: { ${models ? `only: { url: '${models}', interfaces: [chat] }` : ''} }
models: { ${models ? 'small: { targets: [{ provider: only }] }' : ''} }
tenants: [example, other]
units: { research: { tenant: example }, sales: { tenant: example }, foreign: { tenant: other } }
people: [owner@example.com]
agents:
  desk: { unit: research, owner: owner@example.com }
  shop: { unit: sales, owner: owner@example.com }
  rival: { unit: foreign, owner: owner@example.com }
${Object.entries(agents)
  .map(([name, place]) => `  ${name}: { unit: research, owner: owner@example.com, ${placed(place)} }`)
  .join('\n')}
keys:
${Object.entries(keys)
  .map(([agent, key]) => `  ${agent}: { hash: '${hashed(key)}', agent: ${agent} }`)
  .join('\n')}
limits: { requestsInFlight: 5000, requestsInFlightPerKey: 2000 }
a2a: { pushTo: ['127.0.0.1']${Object.entries(a2a)
  .map(([name, value]) => `, ${name}: ${value}`)
  .join('')} }
mcp: ${JSON.stringify({ servers, endpoints })}
policies: ['*.cedar']
`;

/** A process, until it is ended. */
export interface Spawned {
  child: ChildProcess;
  /** Resolves once it has exited. */
  kill(signal?: NodeJS.Signals): Promise<void>;
}

export interface Replica extends Spawned {
  url: string;
  grpc: string;
}

export interface AgentMesh {
  cluster: GovernanceOptions;
  log: Log;
  /** What tells a process where the cluster is. */
  env: NodeJS.ProcessEnv;
  /** Another mesh.yaml. Services follow it within a moment. */
  apply(options: MeshOptions): Promise<string>;
  /** A process of `node <file>`; it ends with the mesh. */
  spawn(file: string, env?: NodeJS.ProcessEnv): Spawned;
  /** All services in one process, on ports of its own; ready. */
  serve(): Promise<Replica>;
  close(): Promise<void>;
}

const ROOT = join(import.meta.dirname, '../..');

const ending = (child: ChildProcess): Spawned => {
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = (signal: NodeJS.Signals = 'SIGKILL') => {
    child.kill(signal);
    return gone;
  };
  return { child, kill };
};

/** Topics and mesh.yaml are applied; nothing runs yet. */
export const createAgentMesh = async (options: MeshOptions): Promise<AgentMesh> => {
  const cluster = await freshCluster();
  const log = await openLog(cluster);
  const dir = mkdtempSync(join(tmpdir(), 'parley-agents-'));
  writeFileSync(join(dir, 'mesh.cedar'), POLICIES);
  const env = {
    ...process.env,
    KAFKA_BROKERS: cluster.kafka.brokers.join(','),
    SCHEMA_REGISTRY_URL: cluster.registry.url,
    PARLEY_TOPIC_PREFIX: cluster.topicPrefix,
    PARLEY_SIGNING_KEY: await newSigningKey(),
    LOG_LEVEL: process.env.LOG_LEVEL ?? 'fatal',
    TZ: 'UTC',
  };
  const running = new Set<Spawned>();
  process.once('exit', () => {
    for (const { child } of running) child.kill('SIGKILL');
  });

  const apply = async (next: MeshOptions) => {
    const path = join(dir, 'mesh.yaml');
    writeFileSync(path, meshYaml(next));
    const provision = async (agents: Parameters<typeof applyAgentTopics>[1]) => {
      const left = await applyAgentTopics(
        cluster,
        agents.filter((agent) => 'kind' in agent && agent.kind === 'log'),
      );
      if (left.length > 0) throw new Error(`left: ${left.map(({ what }) => what).join('; ')}`);
    };
    return (await applyConfiguration({ log, path, env, provision, now: Date.now })).version;
  };

  const spawned = (file: string, more: NodeJS.ProcessEnv = {}): Spawned => {
    const child = spawn(process.execPath, [join(ROOT, file)], {
      env: { ...env, ...more },
      stdio: ['ignore', 'inherit', process.env.LOG_LEVEL ? 'inherit' : 'ignore', 'ipc'],
    });
    const one = ending(child);
    running.add(one);
    child.once('exit', () => running.delete(one));
    return one;
  };

  await apply(options);
  return {
    cluster,
    log,
    env,
    apply,
    spawn: spawned,
    serve: async () => {
      const [port, grpcPort] = [await freePort(), await freePort()];
      const one = spawned('services/main.ts', { PARLEY_PORT: String(port), PARLEY_GRPC_PORT: String(grpcPort) });
      const url = `http://127.0.0.1:${port}`;
      const ready = async () => {
        if (one.child.exitCode !== null) throw new Error(`the services ended with ${one.child.exitCode}`);
        return (await fetch(`${url}/readyz`).catch(() => undefined))?.ok ?? false;
      };
      await until(ready, 'the services to be ready', 120_000);
      return { ...one, url, grpc: `127.0.0.1:${grpcPort}` };
    },
    close: async () => {
      await Promise.all([...running].map((one) => one.kill()));
      await log.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
};
