/**
 * The outbound edge for LLM calls: performs what routing dispatched and says what came of it. Calls run side by side
 * across conversations and one after the other within one. A dispatch is done with when its outcome is in the log; only
 * then may its offset be committed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { deadLetter } from '../../runtime/dead-letter.ts';
import { isLogUnavailable } from '../../runtime/errors.ts';
import { createLanes } from '../../runtime/lanes.ts';
import type { AnyRecorded, Consuming, Event } from '../../runtime/log.ts';
import { RecentIds } from '../../runtime/recent-ids.ts';
import { hasEnvelope } from '../../runtime/recorded.ts';
import type { RunningService, ServiceContext } from '../../runtime/service.ts';
import { createRecentMessages } from '../recent-messages.ts';
import { Abandoned, closeUnfinished, type Performing, performDispatch, refuse } from './attempt.ts';
import { followCancelledRequests } from './cancelled-requests.ts';
import { createDispatchers, type Dispatchers } from './dispatchers.ts';
import { Aborted } from './faults.ts';
import type { Dispatch } from './outcome-events.ts';
import { nothingSaid, recall, type Said } from './recall.ts';
import { wholeRequests } from './whole-request.ts';

export interface OutboundTimes {
  /** How long the parts of a stream are gathered into one event. */
  coalesceMs: number;
  /** How long calls may go on once the edge is to stop. */
  graceMs: number;
  /** The first wait before something is appended again; it doubles up to 5 s. */
  retryMs: number;
}

export const defaultOutboundTimes: OutboundTimes = { coalesceMs: 25, graceMs: 20_000, retryMs: 250 };

/** Far beyond what inbound edges admit: here only memory sets a bound. */
const CONCURRENCY = 4_000;
const MAX_RETRY_MS = 5_000;
/** How often it is asked again whose a dispatch is. */
const UNSURE_MS = 50;
/** setTimeout takes no more. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const DEADLINE_PASSED = 'The deadline of the request passed.';
const PART_EXPIRED = 'An earlier part of the conversation is no longer in the log. Send the request again.';

/** A dispatch from being handed over to being done with. */
interface Flight {
  controller: AbortController;
  partition: number;
  done: Promise<void>;
  /** Set: nothing more is said about it here, for it is, or may be, another instance's. */
  abandoned: Abandoned | undefined;
}

/**
 * Starts the edge. Resolves once it consumes.
 * @throws what `Log.tail` and `Log.consume` throw.
 */
export const startOutbound = async (
  context: ServiceContext,
  times: OutboundTimes = defaultOutboundTimes,
  recent = createRecentMessages(),
  dispatchers: Dispatchers = createDispatchers(),
): Promise<RunningService> => {
  const { log, metrics } = context;
  const logger = context.logger.child({ service: 'edge-llm', side: 'outbound' });
  const lanes = createLanes({ concurrency: CONCURRENCY });
  const halted = new AbortController();
  let stopping = false;
  /** What is in the log already, by partition, of this tenure. */
  const said = new Map<number, Said>();
  /** What was done with here, tenures before included: recalling may miss what is said meanwhile. */
  const finished = new RecentIds();
  /** By dispatch, and by request. */
  const flights = new Map<string, Flight>();
  let consuming: Consuming | undefined;
  const byRequest = new Map<string, Flight>();

  // While it is only about to be handed its first records nothing can be another's.
  const owns = (partition: number) => consuming?.owns(partition) ?? true;
  /** Waits until it is known whose a flight is. @throws Abandoned where it is, or was meanwhile, another's. */
  const untilOurs = async (flight: Flight): Promise<void> => {
    for (;;) {
      if (flight.abandoned) throw flight.abandoned;
      if (owns(flight.partition)) return;
      await sleep(UNSURE_MS);
    }
  };

  const append = async (events: readonly Event[], before = async () => {}): Promise<void> => {
    for (let wait = times.retryMs; ; wait = Math.min(wait * 2, MAX_RETRY_MS)) {
      await before();
      try {
        await log.append(events);
        return;
      } catch (error) {
        if (halted.signal.aborted || !isLogUnavailable(error)) throw error;
        logger.warn({ err: error, waitMs: wait }, 'an outcome could not be recorded, trying again');
        await sleep(wait, undefined, { signal: halted.signal }).catch(() => {});
      }
    }
  };
  const performingFor = (flight: Flight): Performing => ({
    context: { ...context, logger },
    dispatchers,
    persist: (events) => append(events, () => untilOurs(flight)),
    owns: () => !flight.abandoned && owns(flight.partition),
    coalesceMs: times.coalesceMs,
  });
  const wholeRequestOf = wholeRequests(log, recent);

  const cancelled = await followCancelledRequests(log, context.now(), logger, (requestId, aborted) =>
    byRequest.get(requestId)?.controller.abort(aborted),
  );

  const perform = async (dispatch: Dispatch, flight: Flight) => {
    const performing = performingFor(flight);
    const { controller } = flight;
    const { deadline, id } = dispatch.data.request;
    const unfinished = said.get(dispatch.partition)?.unfinished.get(dispatch.id);
    if (unfinished) {
      const request = (await wholeRequestOf(dispatch)) ?? dispatch.data.request;
      return closeUnfinished(performing, dispatch, request, unfinished);
    }
    const aborted = cancelled.of(id);
    if (aborted) return refuse(performing, dispatch, aborted.reason, aborted.message);
    const left = deadline - context.now();
    if (left <= 0) return refuse(performing, dispatch, 'DEADLINE_EXCEEDED', DEADLINE_PASSED);
    const passed = () => controller.abort(new Aborted('DEADLINE_EXCEEDED', DEADLINE_PASSED));
    const timer = setTimeout(passed, Math.min(left, MAX_TIMER_MS));
    try {
      const request = await wholeRequestOf(dispatch);
      await untilOurs(flight);
      if (!request) {
        logger.warn(
          { conversation: dispatch.key, request: id },
          'an earlier part of a request is no longer in the log',
        );
        return await refuse(performing, dispatch, 'UNSPECIFIED', PART_EXPIRED);
      }
      await performDispatch(performing, dispatch, request, controller.signal);
    } finally {
      clearTimeout(timer);
    }
  };

  const finish = async (dispatch: Dispatch, flight: Flight) => {
    await untilOurs(flight);
    try {
      await perform(dispatch, flight);
    } catch (error) {
      if (error instanceof Abandoned || isLogUnavailable(error)) throw error;
      // A mistake of this edge: its conversation gets an end all the same.
      logger.error({ err: error, request: dispatch.correlationId }, 'a dispatch could not be performed');
      await refuse(performingFor(flight), dispatch, 'UNSPECIFIED', 'The mesh failed to perform the call.');
    }
    finished.add(dispatch.id);
  };

  const begin = (dispatch: Dispatch): Promise<void> => {
    const flight: Flight = {
      controller: new AbortController(),
      partition: dispatch.partition,
      done: Promise.resolve(),
      abandoned: undefined,
    };
    flights.set(dispatch.id, flight);
    byRequest.set(dispatch.correlationId, flight);
    flight.done = lanes
      .run(dispatch.key, () => finish(dispatch, flight))
      .finally(() => {
        if (flights.get(dispatch.id) === flight) flights.delete(dispatch.id);
        if (byRequest.get(dispatch.correlationId) === flight) byRequest.delete(dispatch.correlationId);
      });
    return flight.done;
  };

  const bury = async (record: AnyRecorded, error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    logger.error(
      { err: error, topic: record.topic, partition: record.partition, offset: record.offset },
      'dead letter',
    );
    await append([deadLetter('edge-llm', record, reason, context.now())]);
    metrics.deadLetters.inc({ service: 'edge-llm', topic: record.topic });
  };

  const handle = async (record: AnyRecorded): Promise<void> => {
    if (!hasEnvelope(record)) return bury(record, new Error('no CloudEvents envelope'));
    if (record.type !== 'RequestDispatched') return;
    if (finished.has(record.id) || said.get(record.partition)?.finished.has(record.id)) return;
    // Handed over again while its call goes on here: it is the same call.
    const flight = flights.get(record.id);
    if (flight && !flight.abandoned) return flight.done;
    if (stopping) throw new Abandoned('the edge is stopping');
    try {
      if (!record.data.request.protocol.startsWith('openai.')) return;
    } catch (error) {
      return bury(record, error);
    }
    metrics.hop.observe({ service: 'edge-llm', type: record.type }, (context.now() - record.time) / 1000);
    return begin(record);
  };

  const abandon = (which: (flight: Flight) => boolean, why: string) => {
    for (const flight of flights.values())
      if (which(flight)) {
        flight.abandoned ??= new Abandoned(why);
        flight.controller.abort(flight.abandoned);
      }
  };

  const consumer = await log.consume('edge-llm-outbound', ['mesh.dispatches'], {
    types: ['RequestDispatched'],
    assigned: async (assigned) => {
      const recalled = await recall(log, assigned, (record, error) =>
        logger.error({ err: error, topic: record.topic, offset: record.offset }, 'a recalled record was passed over'),
      );
      for (const { partition } of assigned) said.set(partition, recalled.get(partition) ?? nothingSaid());
    },
    revoked: (partitions) => {
      for (const partition of partitions) said.delete(partition);
      abandon((flight) => partitions.includes(flight.partition), 'its partition is another instance’s');
    },
    handle,
  });

  consuming = consumer;

  return {
    stop: async () => {
      stopping = true;
      const closed = consumer.close();
      const grace = new AbortController();
      await Promise.race([lanes.idle(), sleep(times.graceMs, undefined, { signal: grace.signal }).catch(() => {})]);
      grace.abort();
      // Without an outcome: whoever is handed these dispatches next performs them, or closes those that were begun.
      halted.abort();
      abandon(() => true, 'the edge has stopped');
      await closed;
      await lanes.idle();
      await cancelled.close();
      await dispatchers.close();
    },
  };
};
