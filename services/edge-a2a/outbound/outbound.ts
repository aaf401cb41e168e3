/**
 * The outbound edge for agents that are A2A servers: sends them what was dispatched to them, reports what they say, and goes on
 * following their tasks for as long as a turn is open. Whoever owns a conversation's partition follows its tasks.
 */
import type { SignJwt } from '../../runtime/edge/actor-token.ts';
import type { Recorded } from '../../runtime/log.ts';
import { createDispatchers, type Dispatchers } from '../../runtime/outbound/dispatchers.ts';
import { type OutboundTimes, type RunningOutbound, startOutboundEdge } from '../../runtime/outbound/outbound.ts';
import type { Tenure } from '../../runtime/outbound/tenures.ts';
import type { RunningService, ServiceContext } from '../../runtime/service.ts';
import { RECALL_MARGIN_MS } from '../../runtime/times.ts';
import type { KnownCards } from '../cards/known-cards.ts';
import { createAgents } from './agents.ts';
import { type CancelTimes, createCancellations, recallCancellations } from './cancellations.ts';
import type { FollowTimes } from './follow-task.ts';
import { createFollowers } from './followers.ts';
import { followOpenTasks, type OpenTask } from './open-tasks.ts';
import { closeUnfinished, performDispatch } from './perform.ts';
import { recalling } from './said.ts';

export interface A2aOutboundTimes extends OutboundTimes, FollowTimes, CancelTimes {}

export const defaultOutboundTimes: A2aOutboundTimes = {
  graceMs: 20_000,
  retryMs: 250,
  againMs: 250,
  maxAgainMs: 5_000,
  answerMs: 10_000,
  knownMs: 5_000,
};

/**
 * Starts the edge. Resolves once it consumes.
 * @param sign signs with the mesh's key who it is that asks.
 * @throws what `Log.tail` and `Log.consume` throw.
 */
export const startOutbound = async (
  given: ServiceContext,
  cards: Pick<KnownCards, 'of' | 'refusalOf'>,
  sign: SignJwt,
  times: A2aOutboundTimes = defaultOutboundTimes,
  dispatchers: Dispatchers = createDispatchers(),
): Promise<RunningService> => {
  const { log } = given;
  const logger = given.logger.child({ service: 'edge-a2a', side: 'outbound' });
  const context = { ...given, logger };
  const agents = createAgents(context, cards, dispatchers);
  const followers = createFollowers(agents, times, context.now, logger);
  let running: RunningOutbound | undefined;
  /** Before the edge runs its partitions are told of by `assigned`. */
  const follow = (task: OpenTask, tenure: Tenure | undefined) => {
    if (tenure && agents.connectionOf(task.agent)) followers.ensure(task, tenure);
  };
  const tasks = await followOpenTasks(log, logger, (task, isOpen) => {
    followers.see(task, isOpen);
    if (isOpen) follow(task, running?.tenureOf(task.partition));
  });
  const performing = { agents, followers, tasks, sign, againMs: times.againMs };
  const cancellations = createCancellations(performing, times);
  const cancelled = await log.tail(
    ['mesh.cancellations'],
    (record) => {
      const tenure = running?.tenureOf(record.partition);
      try {
        if (tenure && record.type === 'TaskCancelRequested')
          cancellations.begin(record as Recorded<'TaskCancelRequested'>, tenure);
      } catch (error) {
        logger.error({ err: error, topic: record.topic, offset: record.offset }, 'a cancellation was passed over');
      }
    },
    { from: 'end', types: ['TaskCancelRequested'] },
  );

  const assigned = async (tenures: readonly Tenure[], since: number) => {
    const of = new Map(tenures.map((tenure) => [tenure.partition, tenure]));
    const partitions = [...of.keys()];
    for (const task of tasks.all()) follow(task, of.get(task.partition));
    await recallCancellations(log, partitions, Math.max(0, since - RECALL_MARGIN_MS), (cancel) => {
      const tenure = of.get(cancel.partition);
      try {
        if (tenure && tasks.of(cancel.data.taskId)) cancellations.begin(cancel, tenure);
      } catch (error) {
        logger.error({ err: error, topic: cancel.topic, offset: cancel.offset }, 'a cancellation was passed over');
      }
    });
  };

  running = await startOutboundEdge(
    given,
    {
      name: 'edge-a2a',
      serves: ({ data: { request, target } }) =>
        request.protocol === 'a2a' &&
        context.configuration()?.connections.find(({ id }) => id === target.connection)?.protocol === 'a2a',
      laneOf: ({ data }) => data.request.taskId,
      recalling,
      wholeRequestOf: async ({ data }) => data.request,
      perform: (...all) => performDispatch(performing, ...all),
      closeUnfinished: (...all) => closeUnfinished(performing, ...all),
      assigned,
    },
    times,
  );
  // Snapshots that came while it started.
  for (const task of tasks.all()) follow(task, running.tenureOf(task.partition));

  return {
    stop: async () => {
      await running?.stop();
      await followers.close();
      await cancellations.idle();
      await cancelled.close();
      await tasks.close();
      await dispatchers.close();
    },
  };
};
