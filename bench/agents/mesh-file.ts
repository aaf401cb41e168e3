/** The mesh.yaml of a mesh with agents, made for what is measured. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashOfKey } from '../../services/runtime/configuration.ts';
import { KEY } from '../call.ts';

/** Of the agent `few`, which asks for few tasks. */
export const FEW_KEY = 'sk-parley-bench-few';

/** Where an agent is: its A2A server, or the log. */
export type Place = { url: string } | { log: true };

const POLICY = `@id("bench-may-send")
permit(principal in Tenant::"bench", action, resource is Agent);
`;

const whose = 'unit: research, owner: owner@example.com';
const placed = (place: Place) => ('url' in place ? `url: '${place.url}'` : 'log: true');

const textOf = (agents: Readonly<Record<string, Place>>): string => `
providers: {}
models: {}
tenants: [bench]
units: { research: { tenant: bench } }
people: [owner@example.com]
agents:
  load: { ${whose} }
  few: { ${whose} }
${Object.entries(agents)
  .map(([name, place]) => `  ${name}: { ${whose}, ${placed(place)} }`)
  .join('\n')}
keys:
  load: { hash: 'sha256:${hashOfKey(KEY)}', agent: load }
  few: { hash: 'sha256:${hashOfKey(FEW_KEY)}', agent: few }
limits: { requestsInFlight: 100000, requestsInFlightPerKey: 100000 }
policies: ['*.cedar']
`;

/** Writes it, and its policy, into a new directory in `directory`. @returns its path */
export const writeMeshFile = (directory: string, agents: Readonly<Record<string, Place>>): string => {
  const into = mkdtempSync(join(directory, 'mesh-'));
  writeFileSync(join(into, 'bench.cedar'), POLICY);
  writeFileSync(join(into, 'mesh.yaml'), textOf(agents));
  return join(into, 'mesh.yaml');
};
