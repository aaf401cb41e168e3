/** The mesh.yaml of a mesh with MCP servers, made for what is measured. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashOfKey } from '../services/runtime/configuration.ts';
import { KEY } from './call.ts';

/** Of another agent, that sees the same. */
export const WATCHER_KEY = 'sk-parley-bench-watcher';

/** As in a mesh that is used: one policy that permits, one that could forbid, by a call's arguments. */
const POLICIES = `@id("bench-may-use-tools")
permit(principal in Tenant::"bench", action == Action::"tool.call", resource);
@id("nobody-says-secrets")
forbid(principal, action == Action::"tool.call", resource)
when { context.arguments.hasTag("message") && context.arguments.getTag("message") like "*BEGIN PRIVATE KEY*" };
`;

const textOf = (servers: Readonly<Record<string, string>>): string => {
  const names = Object.keys(servers);
  const agent = `{ unit: research, owner: owner@example.com, tools: [${names.map((name) => `'${name}/*'`).join(', ')}] }`;
  return `
providers: {}
models: {}
tenants: [bench]
units: { research: { tenant: bench } }
people: [owner@example.com]
agents: { load: ${agent}, watcher: ${agent} }
mcp:
  servers:
${names.map((name) => `    ${name}: { url: '${servers[name]}', callsInFlight: 1000 }`).join('\n')}
keys:
  load: { hash: 'sha256:${hashOfKey(KEY)}', agent: load }
  watcher: { hash: 'sha256:${hashOfKey(WATCHER_KEY)}', agent: watcher }
limits: { requestsInFlight: 100000, requestsInFlightPerKey: 100000 }
policies: ['*.cedar']
`;
};

/** Writes it, and its policies, into a new directory in `directory`. @param servers their URLs @returns its path */
export const writeMcpMeshFile = (directory: string, servers: Readonly<Record<string, string>>): string => {
  const into = mkdtempSync(join(directory, 'mesh-'));
  writeFileSync(join(into, 'bench.cedar'), POLICIES);
  writeFileSync(join(into, 'mesh.yaml'), textOf(servers));
  return join(into, 'mesh.yaml');
};
