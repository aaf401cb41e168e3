import type { KafkaMessage } from 'kafkajs';
import { timeOfId } from '../ids.ts';
import { type Journal, journalOf } from '../task/journal.ts';
import type { Statement, Told } from '../task/records.ts';
import { taskOf, typeOf } from './envelope.ts';
import type { Reader } from './reader.ts';

export interface JournalSource {
  reader: Reader;
  inbox: string;
  outbox: string;
  partition: number;
  /** What a record of the inbox, or the outbox, is; undefined where it can't be read. */
  told(message: KafkaMessage): Promise<Told | undefined>;
  said(message: KafkaMessage): Promise<Statement | undefined>;
}

/** The clocks of who makes ids and of the brokers may differ by so much. */
const MARGIN_MS = 60_000;

const byTask = <T extends { data: { taskId: string } }>(records: readonly T[]) =>
  Map.groupBy(records, ({ data }) => data.taskId);

/** The journals of tasks of one partition, from one pass over what was written since the oldest of them began. */
export const readJournals = async (
  { reader, inbox, outbox, partition, ...source }: JournalSource,
  tasks: readonly { taskId: string; contextId: string }[],
): Promise<Map<string, Journal>> => {
  const ids = new Set(tasks.map(({ taskId }) => taskId));
  const keys = new Set(tasks.map(({ contextId }) => contextId));
  const since = Math.max(0, Math.min(...tasks.map(({ taskId }) => timeOfId(taskId))) - MARGIN_MS);

  const find = async (topic: string): Promise<KafkaMessage[]> => {
    const found: KafkaMessage[] = [];
    const end = await reader.end(topic, partition);
    const start = await reader.since(topic, partition, since);
    await reader.read(topic, partition, start, end, (message) => {
      const task = taskOf(message);
      if (keys.has(message.key?.toString() ?? '') && (task === '' || ids.has(task))) found.push(message);
    });
    return found;
  };

  const readAll = async <T>(messages: KafkaMessage[], read: (message: KafkaMessage) => Promise<T | undefined>) => {
    const all: T[] = [];
    for (const message of messages) {
      const record = await read(message);
      if (record) all.push(record);
    }
    return all;
  };
  const ofTasks = (message: KafkaMessage) => typeOf(message) !== 'AgentAnnounced';
  const said = await readAll((await find(outbox)).filter(ofTasks), source.said);
  // After the outbox, and to its end: so all that the agent has said something about is among it.
  const told = await readAll(await find(inbox), source.told);
  const [inboxes, outboxes] = [byTask(told), byTask(said)];
  return new Map([...ids].map((id) => [id, journalOf(inboxes.get(id) ?? [], outboxes.get(id) ?? [])]));
};
