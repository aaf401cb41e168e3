/** What each service does when its group knows of nothing: all of its topics are handed over from the beginning. */
import { join } from 'node:path';
import { newId } from '../../services/runtime/event.ts';
import type { Event } from '../../services/runtime/log.ts';
import type { TopicName } from '../../topics/index.ts';
import { type Cluster, type Mesh, withLog } from './cluster.ts';
import { fill } from './fill.ts';
import { commitEnds, forgetGroup, GROUPS, type Group, recordsOf, untilCaughtUp } from './groups.ts';
import { startServices } from './service-process.ts';

const KEY_BATCH = 1_000;

/** Where each says what it has to say. */
const outputs: Record<Group, readonly TopicName[]> = {
  policy: ['mesh.decisions'],
  routing: ['mesh.dispatches'],
  'edge-llm-outbound': ['mesh.responses', 'mesh.attempts'],
  metering: ['mesh.usage'],
  audit: ['mesh.audit'],
};
const serviceOf = (group: Group) => (group === 'edge-llm-outbound' ? 'edge-llm' : group);

export interface Rebuilt {
  group: Group;
  /** lost: what it said is in the log, where it was is not. nothing: it has said nothing yet. */
  from: 'lost' | 'nothing';
  readyMs: number;
  /** From the process spawned until it has committed the end of all its topics, to the next second. */
  caughtUpMs: number;
  /** Handed over, and read back of what it said before. */
  records: number;
  recalled: number;
  /** What it stated, which where it was `lost` is stated again. */
  stated: number;
}

const rebuild = async (
  group: Group,
  from: Rebuilt['from'],
  { cluster, mesh }: { cluster: Cluster; mesh: Mesh },
  signal: AbortSignal,
): Promise<Rebuilt> => {
  const records = await recordsOf(mesh, GROUPS[group]);
  const recalled = await recordsOf(mesh, outputs[group]);
  const began = performance.now();
  const service = await startServices(mesh, [serviceOf(group)], join(cluster.directory, 'services.log'), signal);
  try {
    const readyMs = await service.ready();
    await untilCaughtUp(mesh, group, signal);
    const caughtUpMs = performance.now() - began;
    return {
      group,
      from,
      readyMs,
      caughtUpMs,
      records,
      recalled,
      stated: (await recordsOf(mesh, outputs[group])) - recalled,
    };
  } finally {
    await service.stop();
  }
};

const keyUsed = (): Event<'IdempotencyKeyUsed'> => {
  const requestId = newId();
  return {
    id: newId(),
    type: 'IdempotencyKeyUsed',
    source: 'edge-llm',
    key: `scope-${requestId}`,
    time: Date.now(),
    correlationId: requestId,
    causationId: requestId,
    traceparent: '',
    data: { scope: `scope-${requestId}`, requestId, contextId: `bench:${requestId}`, fingerprint: requestId },
  };
};

export interface RebuildPlan {
  conversations: number;
  /** Idempotency keys of the last day. */
  keys: number;
}

export interface Rebuilds {
  conversations: number;
  services: Rebuilt[];
  /** The edge, until it is ready, at the end of its topics. */
  keys: { keys: number; without: number; with: number };
}

/** @param mesh with nothing in it yet */
export const measureRebuild = async (
  plan: RebuildPlan,
  on: { cluster: Cluster; mesh: Mesh },
  say: (what: string) => void,
  signal: AbortSignal,
): Promise<Rebuilds> => {
  const { cluster, mesh } = on;
  await fill(
    mesh,
    { conversations: plan.conversations, audited: false },
    (done, total) => say(`filling another log: ${done} of ${total} conversations`),
    signal,
  );
  const services: Rebuilt[] = [];
  const take = async (group: Group, from: Rebuilt['from']) => {
    say(`${serviceOf(group)} from ${from === 'nothing' ? 'nothing' : 'a lost position'}`);
    services.push(await rebuild(group, from, on, signal));
  };
  await take('audit', 'nothing');
  await forgetGroup(mesh, 'audit');
  for (const group of ['policy', 'routing', 'metering', 'audit', 'edge-llm-outbound'] as const)
    await take(group, 'lost');

  const readyMs = async () => {
    const edge = await startServices(mesh, ['edge-llm'], join(cluster.directory, 'services.log'), signal);
    return await edge.ready().finally(() => edge.stop());
  };
  await commitEnds(mesh, 'edge-llm-outbound');
  say('the edge without keys, and with');
  const without = await readyMs();
  await withLog(mesh, async (log) => {
    for (let done = 0; done < plan.keys; done += KEY_BATCH)
      await log.append(Array.from({ length: Math.min(KEY_BATCH, plan.keys - done) }, keyUsed));
  });
  const keys = { keys: plan.keys, without, with: await readyMs() };
  return { conversations: plan.conversations, services, keys };
};
