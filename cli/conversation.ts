import type { AnyRecorded, Log, Tail } from '../services/runtime/log.ts';
import { orderingKey, type TopicName } from '../topics/index.ts';
import { madeAt } from './since.ts';

/** Where a conversation is, all of it in the partition of its key; in the order that a request goes through them. */
export const conversationTopics: readonly TopicName[] = [
  'mesh.requests',
  'mesh.cancellations',
  'mesh.decisions',
  'mesh.dispatches',
  'mesh.attempts',
  'mesh.reports',
  'mesh.task-updates',
  'mesh.timers',
  'mesh.responses',
  'mesh.push-deliveries',
  'mesh.usage',
  'mesh.settlements',
  'mesh.dead-letters',
];

/** Whoever made the id may have a clock of its own. */
const CLOCKS_APART_MS = 3_600_000;
const SETTLING_MS = 3_000;

/** Whether each answer that was metered by its edge has been recorded as usage. */
const isSettled = (events: readonly AnyRecorded[]): boolean => {
  const recorded = new Set(events.filter((e) => e.type === 'UsageRecorded').map((e) => e.causationId));
  const isMetered = (e: AnyRecorded) => e.type === 'ResponseCompleted' && Date.now() - e.time < SETTLING_MS;
  return events.every((e) => !isMetered(e) || recorded.has(e.id));
};

/**
 * Every event of a conversation, in the order they are read. Reads from when its id was made, where the id says so; waits a
 * moment for the usage of an answer that has only just been given.
 * @param live is handed what comes after that; undefined: nothing is waited for, and the tail is closed.
 */
export const readConversation = async (
  log: Log,
  conversation: string,
  progress: (seen: number, total: number) => void,
  live?: (event: AnyRecorded) => void,
): Promise<{ events: AnyRecorded[]; tail: Tail }> => {
  const made = madeAt(conversation);
  const events: AnyRecorded[] = [];
  let isLive = false;
  const see = (event: AnyRecorded) => {
    if (orderingKey(event.topic, event.key) !== conversation) return;
    if (isLive) live?.(event);
    else events.push(event);
  };
  const tail = await log.tail(conversationTopics, see, {
    from: made !== undefined && made < Date.now() ? { time: made - CLOCKS_APART_MS } : 'beginning',
    partitions: [log.partitionOf(conversation)],
    progress,
  });
  await tail.caughtUp;
  while (!live && !isSettled(events)) await new Promise((resolve) => setTimeout(resolve, 20));
  isLive = true;
  if (!live) await tail.close();
  return { events, tail };
};
