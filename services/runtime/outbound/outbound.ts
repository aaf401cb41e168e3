/**
 * The shell of an outbound edge: performs what routing dispatched to it and says what came of it. Calls run side by side across
 * lanes and one after the other within one. A dispatch is done with when the edge has said in the log what follows from it;
 * only then may its offset be committed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type * as mesh from '../../../schemas/generated.ts';
import type { EventType, ServiceName } from '../../../topics/index.ts';
import { burying } from '../dead-letter.ts';
import { isLogUnavailable } from '../errors.ts';
import { isEnd } from '../event.ts';
import { createLanes } from '../lanes.ts';
import type { AnyRecorded, AssignedPartition } from '../log.ts';
import { RecentIds } from '../recent-ids.ts';
import { hasEnvelope } from '../recorded.ts';
import type { RunningService, ServiceContext } from '../service.ts';
import { MAX_TIMER_MS } from '../times.ts';
import { followCancelledRequests } from './cancelled-requests.ts';
import { Abandoned, Aborted } from './faults.ts';
import { type Dispatch, failedOf, responseFailed, saying } from './outcomes.ts';
import { nothingSaid, type Recalling, recall, type Said } from './recall.ts';
import { createTenures, type Tenure } from './tenures.ts';

export interface OutboundTimes {
  /** How long calls may go on once the edge is to stop. */
  graceMs: number;
  /** The first wait before something is appended again; it doubles up to 5 s. */
  retryMs: number;
}

/**
 * An outbound edge, as far as it depends on its protocol.
 * Of what it says about a dispatch, `perform` and `closeUnfinished` append all through `Tenure.persist`.
 */
export interface OutboundEdge<Unfinished, T extends EventType = EventType> {
  name: ServiceName;
  /** Whether a dispatch is this edge's to perform. @throws where it can't be read: it becomes a dead letter. */
  serves(dispatch: Dispatch): boolean;
  /** Dispatches of the same lane are performed one after the other. */
  laneOf(dispatch: Dispatch): string;
  recalling: Recalling<Unfinished, T>;
  /**
   * The request, whole; undefined where a part of it is no longer in the log.
   * @throws PARLEY_LOG_UNAVAILABLE where that could not be found out.
   */
  wholeRequestOf(dispatch: Dispatch): Promise<mesh.Request | undefined>;
  /**
   * Performs a dispatch and says what came of it. Once it resolves, the dispatch is done with: it has no deadline any more, is
   * not handed over again, and the next of its lane begins. What is to go on after that (e.g. to follow a task) goes on by
   * itself with the tenure, until `tenure.signal` is aborted.
   * @param signal aborted with `Aborted`: the call is to end, and that is its outcome; with `Abandoned`: nothing more is said.
   * @throws Abandoned; what `persist` throws.
   */
  perform(tenure: Tenure, dispatch: Dispatch, request: mesh.Request, signal: AbortSignal): Promise<void>;
  /**
   * Deals with a dispatch that another instance, or this one before a crash, began.
   * @param request whole where that is possible, else as the dispatch has it.
   */
  closeUnfinished(tenure: Tenure, dispatch: Dispatch, request: mesh.Request, unfinished: Unfinished): Promise<void>;
  /**
   * Told which partitions are this instance's, and awaited before any of their records; also told of the same tenures again
   * where their records are handed over again. That one is over its signal tells.
   * @param since time of the first dispatch of theirs that is not committed, milliseconds since the epoch: what followed from
   * earlier ones is long in the log.
   */
  assigned?(tenures: readonly Tenure[], since: number): Promise<void>;
}

export interface RunningOutbound extends RunningService {
  /** This instance's tenure of a partition; undefined where it is not its. */
  tenureOf(partition: number): Tenure | undefined;
}

/** Far beyond what inbound edges admit: here only memory sets a bound. */
const CONCURRENCY = 4_000;

const DEADLINE_PASSED = 'The deadline of the request passed.';
const PART_EXPIRED = 'An earlier part of the conversation is no longer in the log. Send the request again.';

/** A dispatch from being handed over to being done with. */
interface Flight {
  controller: AbortController;
  tenure: Tenure;
  done: Promise<void>;
  /** An attempt at the same request that was under way when this one was handed over. */
  before: Flight | undefined;
}

/**
 * Starts the edge. Resolves once it consumes.
 * @throws what `Log.tail` and `Log.consume` throw.
 */
export const startOutboundEdge = async <Unfinished, T extends EventType>(
  given: ServiceContext,
  edge: OutboundEdge<Unfinished, T>,
  times: OutboundTimes,
): Promise<RunningOutbound> => {
  const { name } = edge;
  const logger = given.logger.child({ service: name, side: 'outbound' });
  const context = { ...given, logger };
  const { log, metrics } = context;
  const lanes = createLanes({ concurrency: CONCURRENCY });
  let stopping = false;
  /** What is in the log already, by partition, of this tenure. */
  const said = new Map<number, Said<Unfinished>>();
  /** What was done with here, tenures before included: recalling may miss what is said meanwhile. */
  const finished = new RecentIds();
  /** Requests that have their end, as this instance said it. */
  const ended = new RecentIds();
  /** By dispatch, and by request. */
  const flights = new Map<string, Flight>();
  const byRequest = new Map<string, Flight>();
  const tenures = createTenures(context, times.retryMs, (events) => {
    for (const { type, correlationId } of events) if (isEnd(type)) ended.add(correlationId);
  });

  const cancelled = await followCancelledRequests(log, context.now(), logger, (requestId, aborted) => {
    for (let flight = byRequest.get(requestId); flight; flight = flight.before) flight.controller.abort(aborted);
  });

  /** Ends a dispatch that is not to be performed, or that the edge failed to perform. */
  const refuse = (tenure: Tenure, dispatch: Dispatch, reason: mesh.FailureReason, message: string): Promise<void> => {
    const say = saying(name, dispatch, dispatch.traceparent, context.now);
    return tenure.persist([responseFailed(say, dispatch.data, failedOf(reason, message), 0)]);
  };

  const perform = async (dispatch: Dispatch, { controller, tenure }: Flight) => {
    const { deadline, id } = dispatch.data.request;
    const unfinished = said.get(dispatch.partition)?.unfinished.get(dispatch.id);
    if (unfinished) {
      const request = (await edge.wholeRequestOf(dispatch)) ?? dispatch.data.request;
      return edge.closeUnfinished(tenure, dispatch, request, unfinished);
    }
    const aborted = cancelled.of(id);
    if (aborted) return refuse(tenure, dispatch, aborted.reason, aborted.message);
    const left = deadline - context.now();
    if (left <= 0) return refuse(tenure, dispatch, 'DEADLINE_EXCEEDED', DEADLINE_PASSED);
    const passed = () => controller.abort(new Aborted('DEADLINE_EXCEEDED', DEADLINE_PASSED));
    const timer = setTimeout(passed, Math.min(left, MAX_TIMER_MS));
    try {
      const request = await edge.wholeRequestOf(dispatch);
      await tenure.untilOurs();
      if (!request) {
        logger.warn(
          { conversation: dispatch.key, request: id },
          'an earlier part of a request is no longer in the log',
        );
        return await refuse(tenure, dispatch, 'UNSPECIFIED', PART_EXPIRED);
      }
      await edge.perform(tenure, dispatch, request, controller.signal);
    } finally {
      clearTimeout(timer);
    }
  };

  const finish = async (dispatch: Dispatch, flight: Flight) => {
    // Routing heard late of a failure of an instance that was given up, while the attempt is, or was, made here again.
    await flight.before?.done.catch(() => {});
    await flight.tenure.untilOurs();
    const { partition, correlationId } = dispatch;
    if (ended.has(correlationId) || said.get(partition)?.ended.has(correlationId)) return;
    try {
      await perform(dispatch, flight);
    } catch (error) {
      if (error instanceof Abandoned || isLogUnavailable(error)) throw error;
      // A mistake of this edge: its conversation gets an end all the same.
      logger.error({ err: error, request: dispatch.correlationId }, 'a dispatch could not be performed');
      await refuse(flight.tenure, dispatch, 'UNSPECIFIED', 'The mesh failed to perform the call.');
    }
    finished.add(dispatch.id);
  };

  const begin = (dispatch: Dispatch, lane: string): Promise<void> => {
    const known = byRequest.get(dispatch.correlationId);
    const flight: Flight = {
      controller: new AbortController(),
      tenure: tenures.begin(dispatch.partition),
      done: Promise.resolve(),
      before: known?.tenure.signal.aborted ? undefined : known,
    };
    flights.set(dispatch.id, flight);
    byRequest.set(dispatch.correlationId, flight);
    flight.done = lanes
      .run(lane, () => finish(dispatch, flight))
      .finally(() => {
        if (flights.get(dispatch.id) === flight) flights.delete(dispatch.id);
        if (byRequest.get(dispatch.correlationId) === flight) byRequest.delete(dispatch.correlationId);
      });
    return flight.done;
  };

  const bury = burying(name, context, tenures.append);

  const handle = async (record: AnyRecorded): Promise<void> => {
    if (!hasEnvelope(record)) return bury(record, new Error('no CloudEvents envelope'));
    if (record.type !== 'RequestDispatched') return;
    if (finished.has(record.id) || said.get(record.partition)?.finished.has(record.id)) return;
    // Handed over again while its call goes on here: it is the same call.
    const flight = flights.get(record.id);
    if (flight && !flight.tenure.signal.aborted) return flight.done;
    if (stopping) throw new Abandoned('the edge is stopping');
    let lane: string;
    try {
      if (!edge.serves(record)) return;
      lane = edge.laneOf(record);
    } catch (error) {
      return bury(record, error);
    }
    metrics.hop.observe({ service: name, type: record.type }, (context.now() - record.time) / 1000);
    return begin(record, lane);
  };

  /** Nothing more is said under these tenures: their calls end at once. */
  const abandon = (partitions: readonly number[], why: string) => {
    tenures.end(partitions, new Abandoned(why));
    for (const { tenure, controller } of flights.values())
      if (tenure.signal.aborted) controller.abort(tenure.signal.reason);
  };

  const assigned = async (partitions: readonly AssignedPartition[]) => {
    const begun = partitions.map(({ partition }) => tenures.begin(partition));
    const recalled = await recall(name, log, edge.recalling, partitions, (record, error) =>
      logger.error({ err: error, topic: record.topic, offset: record.offset }, 'a recalled record was passed over'),
    );
    for (const { partition } of partitions) said.set(partition, recalled.get(partition) ?? nothingSaid());
    const ours = begun.filter(({ signal }) => !signal.aborted);
    if (ours.length > 0) await edge.assigned?.(ours, Math.min(...partitions.map(({ since }) => since)));
  };

  const consumer = await log.consume(`${name}-outbound`, ['mesh.dispatches'], {
    types: ['RequestDispatched'],
    assigned,
    revoked: (partitions) => {
      for (const partition of partitions) said.delete(partition);
      abandon(partitions, 'its partition is another instance’s');
    },
    handle,
  });
  tenures.consuming(consumer);

  return {
    tenureOf: tenures.of,
    stop: async () => {
      stopping = true;
      const closed = consumer.close();
      const grace = new AbortController();
      await Promise.race([lanes.idle(), sleep(times.graceMs, undefined, { signal: grace.signal }).catch(() => {})]);
      grace.abort();
      // Without an outcome: whoever is handed these dispatches next performs them, or closes those that were begun.
      tenures.halt();
      abandon(tenures.partitions(), 'the edge has stopped');
      await closed;
      await lanes.idle();
      await cancelled.close();
    },
  };
};
