/** The services of a mesh with agents, and where they are found. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KEY } from '../call.ts';
import type { Parley } from '../parley.ts';
import type { Cluster, Mesh } from '../scale/cluster.ts';
import { type ServiceProcess, startServices } from '../scale/service-process.ts';

export interface Site {
  cluster: Cluster;
  say(what: string): void;
  signal: AbortSignal;
}

const CARD_WITHIN_MS = 120_000;

export interface Served {
  services: ServiceProcess;
  /** From the process spawned to the first 200 of /readyz, milliseconds. */
  readyMs: number;
  pids: Parley['pids'];
  /** Where the mesh serves an agent. */
  urlOf(agent: string): string;
}

/** Starts services, uses them and stops them. @param names none: all of them */
export const withServices = async <T>(
  mesh: Mesh,
  names: readonly string[],
  { cluster, signal }: Site,
  use: (served: Served) => Promise<T>,
): Promise<T> => {
  const services = await startServices(mesh, names, join(cluster.directory, 'services.log'), signal);
  try {
    const readyMs = await services.ready();
    const pids = { parley: services.pid, broker: cluster.kafka.pid, registry: cluster.registry.pid };
    const urlOf = (agent: string) => new URL(`/a2a/${agent}`, services.url).href;
    return await use({ services, readyMs, pids, urlOf });
  } finally {
    await services.stop();
  }
};

/** Resolves when the mesh serves a card of an agent: it knows the agent's own then. @throws after two minutes */
export const untilCarded = async (url: string, signal: AbortSignal): Promise<void> => {
  const giveUp = Date.now() + CARD_WITHIN_MS;
  for (;;) {
    const answer = await fetch(`${url}/.well-known/agent-card.json`, {
      headers: { authorization: `Bearer ${KEY}` },
      signal,
    });
    await answer.body?.cancel();
    if (answer.ok) return;
    if (Date.now() > giveUp) throw new Error(`there is no card at ${url}: ${answer.status}`);
    await sleep(50, undefined, { signal });
  }
};
