/** Reads the outboxes of all agents on the log and states what they say, as the mesh has it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { agentTopics, type TopicName } from '../../topics/index.ts';
import type { Configuration } from '../runtime/configuration.ts';
import { burying } from '../runtime/dead-letter.ts';
import { isLogUnavailable } from '../runtime/errors.ts';
import { follow } from '../runtime/event.ts';
import type { AnyRecorded, Consumer, Consuming, Event } from '../runtime/log.ts';
import { hasEnvelope } from '../runtime/recorded.ts';
import type { RunningService, ServiceContext } from '../runtime/service.ts';
import { causeIdOf, decide, hearingReads } from './hearing.ts';

const SOURCE = 'edge-agents';
const RETRY_MS = 2_000;

const outboxesOf = (configuration: Configuration | undefined): TopicName[] =>
  (configuration?.agents ?? []).filter(({ kind }) => kind === 'log').map(({ name }) => agentTopics(name).outbox);

/** Starts to hear; agents that are registered later are heard as soon as the configuration says so. */
export const startHearing = async (context: ServiceContext): Promise<RunningService> => {
  const { log, now } = context;
  const logger = context.logger.child({ service: SOURCE });
  const stopped = new AbortController();
  let heard = '';
  let consuming: Consuming | undefined;

  const eventsOf = (record: AnyRecorded): Event[] => {
    if (!hasEnvelope(record)) throw new Error('no CloudEvents envelope');
    const cause = { ...record, id: causeIdOf(record) };
    return decide(record as Parameters<typeof decide>[0]).map(({ type, data, key = record.key, index }, i) =>
      follow(SOURCE, { ...cause, key }, index ?? i, type, data, now()),
    );
  };

  const bury = burying(SOURCE, { ...context, logger }, (events) => log.append(events));
  const handle = async (record: AnyRecorded): Promise<void> => {
    try {
      const events = eventsOf(record);
      if (events.length > 0) await log.append(events);
    } catch (error) {
      if (isLogUnavailable(error)) throw error;
      await bury(record, error);
    }
  };
  const consumer: Consumer = { types: hearingReads, assigned: async () => {}, revoked: () => {}, handle };

  const listen = async () => {
    const outboxes = outboxesOf(context.configuration());
    if (outboxes.join() === heard || stopped.signal.aborted) return;
    heard = '';
    await consuming?.close();
    consuming = outboxes.length > 0 ? await log.consume('edge-agents-outboxes', outboxes, consumer) : undefined;
    heard = outboxes.join();
  };
  let listening = Promise.resolve();
  const listenAgain = () => {
    listening = listening.then(async () => {
      while (!stopped.signal.aborted)
        try {
          return await listen();
        } catch (error) {
          logger.warn({ err: error }, 'outboxes cannot be heard yet, trying again');
          await sleep(RETRY_MS, undefined, { signal: stopped.signal }).catch(() => {});
        }
    });
    return listening;
  };
  const configured = await log.tail(['mesh.configuration'], () => setImmediate(listenAgain), {
    from: 'end',
    types: ['MeshConfigured'],
  });
  await listenAgain();

  return {
    stop: async () => {
      stopped.abort();
      await configured.close();
      await listening;
      await consuming?.close();
    },
  };
};
