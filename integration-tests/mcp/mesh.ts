/** A mesh with MCP servers for the tests of one file: its topics, its mesh.yaml, and as many replicas as a test wants. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { stringify } from 'yaml';
import { applyConfiguration } from '../../services/configuration/apply.ts';
import { services } from '../../services/index.ts';
import { newId } from '../../services/runtime/event.ts';
import type { GovernanceOptions } from '../../services/runtime/governance/index.ts';
import type { Event, Log } from '../../services/runtime/log.ts';
import {
  type Definition,
  definitionTypes,
  foldDefinition,
  keyOf,
  noDefinitions,
  standingOf,
} from '../../services/runtime/mcp/definitions.ts';
import { type RunningProcess, startProcess } from '../../services/runtime/process.ts';
import { newSigningKey } from '../../services/runtime/signing.ts';
import { freePort } from '../child.ts';
import { freshCluster, logger, openLog } from '../cluster.ts';
import { readLog, until } from '../mesh.ts';

/** `desk` may use everything. `reader` may not call what could change something. `clerk` has declared little. */
export const keys = { desk: 'sk-test-desk', reader: 'sk-test-reader', clerk: 'sk-test-clerk' };
const hashed = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`;

const POLICIES = `
@id("example-may") permit(principal in Tenant::"example", action, resource);
@id("reader-only-reads") forbid(principal == Agent::"example/reader", action == Action::"tool.call", resource)
  unless { resource.hasTag("readOnlyHint") && resource.getTag("readOnlyHint") == "true" };
@id("nothing-secret") forbid(principal, action == Action::"tool.call", resource)
  when { context.arguments.hasTag("line") && context.arguments.getTag("line") == "secret" };
`;

export interface McpMeshOptions {
  /** As in mesh.yaml: mcp.servers. */
  servers: Record<string, object>;
  /** As in mesh.yaml: mcp.endpoints. */
  endpoints?: Record<string, object>;
  /** What `clerk` has declared. */
  clerk?: string[];
  /** As in mesh.yaml, e.g. limits. */
  more?: object;
}

const meshYaml = ({ servers, endpoints = {}, clerk = [], more = {} }: McpMeshOptions): string => {
  const tools = { desk: ['*'], reader: ['*'], clerk };
  const agents = Object.entries(tools).map(([name, declared]) => [
    name,
    { unit: 'research', owner: 'owner@example.com', tools: declared },
  ]);
  const known = Object.entries(keys).map(([agent, key]) => [agent, { hash: hashed(key), agent }]);
  return stringify({
    tenants: ['example'],
    units: { research: { tenant: 'example' } },
    people: ['owner@example.com'],
    agents: Object.fromEntries(agents),
    keys: Object.fromEntries(known),
    mcp: { servers, endpoints },
    policies: ['*.cedar'],
    ...more,
  });
};

export interface McpReplica {
  url: string;
  stop(): Promise<void>;
}

export interface McpMesh {
  cluster: GovernanceOptions;
  log: Log;
  apply(options: McpMeshOptions): Promise<void>;
  /** What its processes are given. */
  environment: NodeJS.ProcessEnv;
  /** All services, in this process. @param to where it logs; default: as the tests do */
  serve(to?: Logger): Promise<McpReplica>;
  /** All services, in a process of their own. */
  spawn(): Promise<McpReplica & { child: ChildProcess }>;
  /** Waits until something that a server offers is as a test wants it. */
  offers(server: string, kind: 'TOOL' | 'PROMPT' | 'RESOURCE', name: string, standing?: string): Promise<void>;
  /** As a person does who finds nothing wrong with what of a server is held back. */
  approve(server: string): Promise<void>;
  close(): Promise<void>;
}

/** Topics and mesh.yaml are applied; nothing runs yet. */
export const createMcpMesh = async (options: McpMeshOptions): Promise<McpMesh> => {
  const cluster = await freshCluster();
  const log = await openLog(cluster);
  const dir = mkdtempSync(join(tmpdir(), 'parley-mcp-'));
  writeFileSync(join(dir, 'mesh.cedar'), POLICIES);
  const environment = {
    ...process.env,
    PARLEY_SIGNING_KEY: await newSigningKey(),
    MCP_UPSTREAM_KEY: 'upstream-secret',
  };
  const running = new Set<RunningProcess>();
  const children = new Set<ChildProcess>();
  process.once('exit', () => {
    for (const child of children) child.kill('SIGKILL');
  });

  const apply = async (next: McpMeshOptions) => {
    const path = join(dir, 'mesh.yaml');
    writeFileSync(path, meshYaml(next));
    const { version } = await applyConfiguration({ log, path, env: environment, now: Date.now });
    await until(() => [...running].every((one) => one.configuration()?.version === version), 'the configuration');
  };

  const serve = async (to = logger) => {
    const one = await startProcess({ ...cluster, host: '127.0.0.1', port: 0, services, logger: to, environment });
    running.add(one);
    const stop = async () => {
      if (running.delete(one)) await one.stop();
    };
    return { url: one.url, stop };
  };

  const spawnOne = async () => {
    const port = await freePort();
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../services/main.ts')], {
      env: {
        ...environment,
        KAFKA_BROKERS: cluster.kafka.brokers.join(','),
        SCHEMA_REGISTRY_URL: cluster.registry.url,
        PARLEY_TOPIC_PREFIX: cluster.topicPrefix,
        PARLEY_PORT: String(port),
        PARLEY_GRPC_PORT: '0',
        LOG_LEVEL: process.env.LOG_LEVEL ?? 'fatal',
      },
      stdio: ['ignore', 'inherit', process.env.LOG_LEVEL ? 'inherit' : 'ignore'],
    });
    children.add(child);
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const url = `http://127.0.0.1:${port}`;
    const ready = async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok ?? false;
    await until(ready, 'the services to be ready', 120_000);
    const stop = () => {
      child.kill('SIGKILL');
      return gone;
    };
    return { url, child, stop };
  };

  const definitions = async (): Promise<Definition[]> => {
    const known = noDefinitions();
    for (const event of await readLog(log, 0, ...definitionTypes)) foldDefinition(known, event as never);
    return [...known.all.values()];
  };

  const offers: McpMesh['offers'] = async (server, kind, name, standing = 'in-force') => {
    const stands = async () =>
      (await definitions()).some(
        (one) =>
          one.server === server &&
          one.kind === kind &&
          one.name === name &&
          [standingOf(one), 'any'].includes(standing),
      );
    await until(stands, `${name} of ${server} to be ${standing}`);
  };

  const approve: McpMesh['approve'] = async (server) => {
    const heldBack = (await definitions()).filter((one) => one.server === server && standingOf(one) === 'held-back');
    const time = Date.now();
    const reviews = heldBack.map(({ kind, name, observed }): Event<'DefinitionReviewed'> => {
      const id = newId(time);
      const { digest, definition } = observed!;
      const said = { server, kind, name, digest, definition, verdict: 'APPROVED', by: 'owner@example.com', note: '' };
      return {
        id,
        type: 'DefinitionReviewed',
        source: 'test',
        key: keyOf({ server, kind, name }),
        time,
        correlationId: id,
        causationId: '',
        traceparent: '',
        data: said as Event<'DefinitionReviewed'>['data'],
      };
    });
    await log.append(reviews);
  };

  await apply(options);
  return {
    cluster,
    log,
    environment,
    apply,
    serve,
    spawn: spawnOne,
    offers,
    approve,
    close: async () => {
      await Promise.all([...running].map((one) => one.stop()));
      for (const child of children) child.kill('SIGKILL');
      await log.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
};
