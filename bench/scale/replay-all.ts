/**
 * Tells every conversation of a log, each as `parley replay` would, in one reading of all partitions.
 *   KAFKA_BROKERS=… SCHEMA_REGISTRY_URL=… node bench/scale/replay-all.ts
 * Prints a ReplayedAll as JSON.
 */
import { withLog } from '../../cli/connect.ts';
import { conversationTopics } from '../../cli/conversation.ts';
import { Timeline, tell } from '../../cli/timeline.ts';
import { createWholeRequests } from '../../cli/whole-requests.ts';
import type { AnyRecorded } from '../../services/runtime/log.ts';

export interface ReplayedAll {
  conversations: number;
  records: number;
  /** Of what would have been printed. */
  characters: number;
  ms: number;
}

/** Of one request without retries: what is told is not kept in memory while the rest is read. */
const EVENTS_OF_ONE = 5;

const replayAll = (): Promise<ReplayedAll> =>
  withLog(async (log) => {
    const began = performance.now();
    const open = new Map<string, AnyRecorded[]>();
    const all = { conversations: 0, records: 0, characters: 0 };
    const finish = (key: string, events: readonly AnyRecorded[]) => {
      open.delete(key);
      const timeline = new Timeline();
      const lines = [...tell(createWholeRequests().of(events), timeline), ...timeline.summary()];
      all.conversations += 1;
      all.characters += lines.join('\n').length;
    };
    const see = (event: AnyRecorded) => {
      all.records += 1;
      const events = open.get(event.key) ?? [];
      events.push(event);
      open.set(event.key, events);
      if (events.length === EVENTS_OF_ONE) finish(event.key, events);
    };
    const tail = await log.tail(conversationTopics, see, { from: 'beginning' });
    await tail.caughtUp;
    await tail.close();
    for (const [key, events] of open) finish(key, events);
    return { ...all, ms: performance.now() - began };
  });

if (import.meta.main) console.log(JSON.stringify(await replayAll()));
