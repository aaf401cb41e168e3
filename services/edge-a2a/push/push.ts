/**
 * Tells clients of updates of their tasks by HTTP: in order for each task and client, side by side otherwise. An update is done
 * with when it is in the log whether it was delivered. After a crash one may be delivered twice, and none is left out.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type * as mesh from '../../../schemas/generated.ts';
import { burying } from '../../runtime/dead-letter.ts';
import type { SignJwt } from '../../runtime/edge/actor-token.ts';
import { derivedId, follow } from '../../runtime/event.ts';
import { createLanes } from '../../runtime/lanes.ts';
import type { AnyRecorded, AssignedPartition, Recorded } from '../../runtime/log.ts';
import { Abandoned } from '../../runtime/outbound/faults.ts';
import { createTenures, type Tenure } from '../../runtime/outbound/tenures.ts';
import { RecentIds } from '../../runtime/recent-ids.ts';
import { hasEnvelope } from '../../runtime/recorded.ts';
import type { RunningService, ServiceContext } from '../../runtime/service.ts';
import { RECALL_MARGIN_MS } from '../../runtime/times.ts';
import type { PushConfigurations } from './configurations.ts';
import { createPoster, type Notification, type Refused } from './post-notification.ts';
import { refuseLiteral } from './public-addresses.ts';

export interface PushTimes {
  /** The first wait before a notification is sent again; it doubles up to a minute. */
  retryMs: number;
  /** How old an update may be when it is sent again. Each is sent once at least. */
  giveUpMs: number;
  /** How long deliveries may go on once it is to stop. */
  graceMs: number;
}

export const defaultPushTimes: PushTimes = { retryMs: 1_000, giveUpMs: 600_000, graceMs: 10_000 };

export interface PushSecrets {
  sign: SignJwt;
  /** What `PushConfigurationSet.sealed` holds: A2A JSON of the configuration. @throws where the mesh's key is another one. */
  unseal(sealed: Buffer): Promise<Buffer>;
  /** Who signs. */
  issuer(): string;
}

const SERVICE = 'edge-a2a';
const GROUP = 'edge-a2a-push';
const CONCURRENCY = 1_000;
const MAX_RETRY_MS = 60_000;

/** A message of the user's is history: who sent it need not be told. */
const isOfUser = ({ update }: mesh.TaskUpdated): boolean => {
  const { message } = JSON.parse(update.toString()) as { message?: { role?: string } };
  return message?.role === 'ROLE_USER';
};

const indexOf = ({ configurationId }: mesh.PushConfigurationSet) => `push-${configurationId}`;

const isAllowedBy =
  ({ configuration }: Pick<ServiceContext, 'configuration'>) =>
  (url: URL): boolean => {
    const allowed = configuration()?.a2a.pushTo ?? [];
    return allowed.includes(url.hostname) || allowed.includes(url.host);
  };

/** Why nothing is ever sent to a URL, as far as the URL itself says; undefined where it does not. */
export const refusesPush =
  (context: Pick<ServiceContext, 'configuration'>) =>
  (url: URL): string | undefined => {
    try {
      if (!isAllowedBy(context)(url)) refuseLiteral(url);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  };

/** Starts it. Resolves once it consumes. @throws what `Log.tail` and `Log.consume` throw. */
export const startPush = async (
  given: ServiceContext,
  configurations: PushConfigurations,
  { sign, unseal, issuer }: PushSecrets,
  times: PushTimes = defaultPushTimes,
  poster = createPoster(sign, issuer, given.now),
): Promise<RunningService> => {
  const { log } = given;
  const logger = given.logger.child({ service: SERVICE, side: 'push' });
  const context = { ...given, logger };
  const lanes = createLanes({ concurrency: CONCURRENCY });
  const tenures = createTenures(context, times.retryMs);
  /** What is said in the log already, by partition, of this tenure. */
  const said = new Map<number, RecentIds>();
  let stopping = false;

  const isAllowed = isAllowedBy(context);

  /** Until it is taken, is no longer wanted (undefined), or is given up. */
  const deliver = async (
    update: Recorded<'TaskUpdated'>,
    wanted: mesh.PushConfigurationSet,
    { signal }: Tenure,
  ): Promise<{ refused: Refused; attempts: number } | undefined> => {
    let notification: Notification;
    try {
      const configuration = await unseal(wanted.sealed);
      notification = { url: new URL(wanted.url), taskId: wanted.taskId, body: update.data.update, configuration };
    } catch {
      return { refused: { reason: 'Its configuration cannot be read.', again: false }, attempts: 0 };
    }
    for (let attempts = 1, wait = times.retryMs; ; attempts += 1, wait = Math.min(wait * 2, MAX_RETRY_MS)) {
      signal.throwIfAborted();
      if (!configurations.has(wanted)) return undefined;
      const refused = await poster.post(notification, isAllowed(notification.url), signal);
      if (!refused?.again || context.now() + wait > update.time + times.giveUpMs) return { refused, attempts };
      await sleep(wait, undefined, { signal }).catch(() => {});
    }
  };

  const tell = async (update: Recorded<'TaskUpdated'>, wanted: mesh.PushConfigurationSet, tenure: Tenure) => {
    const ids = said.get(update.partition);
    const id = derivedId(update.id, SERVICE, indexOf(wanted));
    if (ids?.has(id)) return;
    await tenure.untilOurs();
    const end = await deliver(update, wanted, tenure);
    if (!end) return;
    const { refused, attempts } = end;
    const { taskId, configurationId } = wanted;
    const what = { taskId, configurationId, sequence: update.data.sequence, attempts };
    const index = indexOf(wanted);
    const now = context.now();
    await tenure.persist([
      refused
        ? follow(SERVICE, update, index, 'PushFailed', { ...what, reason: refused.reason }, now)
        : follow(SERVICE, update, index, 'PushDelivered', what, now),
    ]);
    if (refused) logger.info({ ...what, reason: refused.reason }, 'a push notification was not taken');
    ids?.add(id);
  };

  const bury = burying(SERVICE, context, tenures.append);

  const handle = async (record: AnyRecorded): Promise<void> => {
    if (!hasEnvelope(record)) return bury(record, new Error('no CloudEvents envelope'));
    if (record.type !== 'TaskUpdated') return;
    if (stopping) throw new Abandoned('the edge is stopping');
    let wanted: readonly mesh.PushConfigurationSet[];
    try {
      wanted = configurations.of(record.data.taskId);
      if (wanted.length === 0 || isOfUser(record.data)) return;
    } catch (error) {
      return bury(record, error);
    }
    const tenure = tenures.begin(record.partition);
    await Promise.all(
      wanted.map((one) =>
        lanes.run(`${one.taskId}/${one.configurationId}`, () => tell(record as Recorded<'TaskUpdated'>, one, tenure)),
      ),
    );
  };

  const recall = async (assigned: readonly AssignedPartition[]) => {
    for (const { partition } of assigned) said.set(partition, new RecentIds());
    const since = Math.min(...assigned.map((one) => one.since));
    const tail = await log.tail(['mesh.push-deliveries'], (record) => said.get(record.partition)?.add(record.id), {
      from: { time: Math.max(0, since - RECALL_MARGIN_MS) },
      partitions: assigned.map(({ partition }) => partition),
      types: ['PushDelivered', 'PushFailed'],
    });
    await tail.caughtUp;
    await tail.close();
  };

  const consumer = await log.consume(GROUP, ['mesh.task-updates'], {
    types: ['TaskUpdated'],
    assigned: async (assigned) => {
      for (const { partition } of assigned) tenures.begin(partition);
      await recall(assigned);
    },
    revoked: (partitions) => {
      for (const partition of partitions) said.delete(partition);
      tenures.end(partitions, new Abandoned('its partition is another instance’s'));
    },
    handle,
  });
  tenures.consuming(consumer);

  return {
    stop: async () => {
      stopping = true;
      const closed = consumer.close();
      const grace = new AbortController();
      await Promise.race([lanes.idle(), sleep(times.graceMs, undefined, { signal: grace.signal }).catch(() => {})]);
      grace.abort();
      tenures.halt();
      tenures.end(tenures.partitions(), new Abandoned('the edge has stopped'));
      await closed;
      await lanes.idle();
      await poster.close();
    },
  };
};
