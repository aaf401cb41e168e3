import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { onTestFinished } from 'vitest';
import { applyConfiguration } from '../services/configuration/apply.ts';
import { services } from '../services/index.ts';
import type { GovernanceOptions } from '../services/runtime/governance/index.ts';
import type { AnyRecorded, Log } from '../services/runtime/log.ts';
import { startProcess } from '../services/runtime/process.ts';
import { type EventType, topicOf } from '../topics/index.ts';
import { freshCluster, logger } from './cluster.ts';

/** One key each for research and support, and one that was revoked. */
export const keys = { research: 'sk-test-research', support: 'sk-test-support', revoked: 'sk-test-revoked' };
const hashed = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`;

const POLICIES = `
@id("example-may") permit(principal in Tenant::"example", action, resource is Model);
@id("support-not-large") forbid(principal in Unit::"example/support", action, resource == Model::"large");
`;

/** mesh.yaml with the model `small` on `providers` in turn, and `large` on the first alone. */
const meshYaml = (providers: Record<string, string>, more: string): string => `
providers:
${Object.entries(providers)
  .map(
    ([name, url]) =>
      `  ${name}:\n    url: ${url}\n    apiKey: \${UPSTREAM_KEY}\n    interfaces: [chat, embeddings]\n    timeouts: { connect: 2s, firstByte: 2s, idle: 2s }`,
  )
  .join('\n')}
models:
  small:
    targets: [{ provider: ${Object.keys(providers)[0]}, model: served-small }]
${Object.keys(providers).length > 1 ? `    fallbacks: [spare]\n  spare:\n    targets: [{ provider: ${Object.keys(providers)[1]}, model: served-spare }]` : ''}
  large:
    targets: [{ provider: ${Object.keys(providers)[0]}, model: served-large }]
prices: { models: { small: { input: 1, output: 2 } } }
tenants: [example]
units: { research: { tenant: example }, support: { tenant: example } }
people: [owner@example.com]
agents:
  notebook: { unit: research, owner: owner@example.com }
  helpdesk: { unit: support, owner: owner@example.com }
keys:
  research: { hash: '${hashed(keys.research)}', agent: notebook }
  support: { hash: '${hashed(keys.support)}', agent: helpdesk }
  revoked: { hash: '${hashed(keys.revoked)}', agent: notebook, revoked: true }
policies: ['*.cedar']
${more}`;

export const environment = { ...process.env, UPSTREAM_KEY: 'sk-upstream-secret' };

/** Tests of one file share a cluster: what another one left there is older than the mesh, and about other providers. */
let shared: Promise<GovernanceOptions> | undefined;

export interface Mesh {
  url: string;
  /** When it was started, milliseconds since the epoch. */
  since: number;
  log: Log;
  cluster: GovernanceOptions;
  path: string;
  client(key?: string, options?: object): OpenAI;
  /** Applies another mesh.yaml and waits until this process follows it. */
  apply(yaml: string): Promise<void>;
  stop(): Promise<void>;
}

/** Writes a mesh.yaml with its policy; gone when the test is over. */
export const writeMesh = (providers: Record<string, string>, more = ''): string => {
  const dir = mkdtempSync(join(tmpdir(), 'parley-mesh-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, 'mesh.cedar'), POLICIES);
  writeFileSync(join(dir, 'mesh.yaml'), meshYaml(providers, more));
  return join(dir, 'mesh.yaml');
};

export const until = async (condition: () => boolean | Promise<boolean>, what: string, ms = 30_000): Promise<void> => {
  const end = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

/** The whole mesh in this process, on the shared Kafka. Stopped when the test is over. */
export const startMesh = async (
  providers: Record<string, string>,
  { more = '', cluster }: { more?: string; cluster?: GovernanceOptions } = {},
): Promise<Mesh> => {
  shared ??= freshCluster();
  const on = cluster ?? (await shared);
  const since = Date.now();
  const running = await startProcess({
    ...on,
    host: '127.0.0.1',
    port: 0,
    services,
    alsoWrites: ['MeshConfigured'],
    logger,
    environment,
  });
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= running.stop();
    return stopped;
  };
  onTestFinished(stop);
  const path = writeMesh(providers, more);
  const put = async () => {
    const { version } = await applyConfiguration({ log: running.log, path, env: environment, now: Date.now });
    await until(() => running.configuration()?.version === version, 'the configuration');
  };
  await put();
  return {
    url: running.url,
    since,
    log: running.log,
    cluster: on,
    path,
    client: (apiKey = keys.research, options = {}) =>
      new OpenAI({ apiKey, baseURL: `${running.url}/v1`, maxRetries: 0, ...options }),
    apply: async (yaml) => {
      writeFileSync(path, yaml);
      await put();
    },
    stop,
  };
};

/** Everything of these types that is in the log, since a time, by time. */
export const readLog = async (log: Log, since: number, ...types: EventType[]): Promise<AnyRecorded[]> => {
  const seen: AnyRecorded[] = [];
  const names = [...new Set(types.map((type) => topicOf[type]))];
  const tail = await log.tail(names, (record) => void seen.push(record), { from: { time: since }, types });
  await tail.caughtUp;
  await tail.close();
  return seen.sort((a, b) => a.time - b.time || a.offset - b.offset);
};
