import { Command, InvalidArgumentError } from 'commander';
import type { AnyRecorded, Log } from '../services/runtime/log.ts';
import { untilSignalled } from '../services/runtime/signals.ts';
import { type EventType, fileOf, isShared, meshTopics, orderingKey, topicOf } from '../topics/index.ts';
import { withLog } from './connect.ts';
import { eventJson } from './event-json.ts';
import { heldBack } from './held-back.ts';
import { eventLine } from './line.ts';
import { progressBar } from './progress.ts';
import { readRedaction, redactedEvent } from './redacted.ts';
import { parseFrom } from './since.ts';

/** Agents' own topics are not among what is read here: there is one of each for every agent. */
const allTypes = (Object.keys(topicOf) as EventType[]).filter((type) => meshTopics.includes(topicOf[type]));
/** One line a chunk, an entry for every event: shown to those who ask for them. */
const noisy: readonly EventType[] = ['ResponseChunk', 'AuditEntry', 'IdempotencyKeyUsed'];
const usualTypes = allTypes.filter((type) => !noisy.includes(type));

const parseTypes = (text: string, before: readonly EventType[] = []): EventType[] => {
  const types = text.split(',').map((type) => type.trim());
  const unknown = types.find((type) => !allTypes.includes(type as EventType));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`There is no ${unknown}; there are ${allTypes.join(', ')}.`);
  return [...before, ...(types as EventType[])];
};

interface Options {
  conversation?: string;
  type?: EventType[];
  from?: number | 'beginning';
  json?: boolean;
}

const follow = async (log: Log, { conversation, type: types = usualTypes, from, json }: Options): Promise<void> => {
  const rules = await readRedaction(log);
  const line = (event: AnyRecorded) => (json ? eventJson : eventLine)(redactedEvent(event, rules));
  const lines = heldBack<{ time: number; text: string }>((held) => {
    held.sort((a, b) => a.time - b.time);
    process.stdout.write(held.map(({ text }) => `${text}\n`).join(''));
  });
  const see = (event: AnyRecorded) => {
    const isIn = conversation === undefined || orderingKey(event.topic, event.key) === conversation;
    if (isIn) lines.add({ time: event.time, text: line(event) });
  };
  const names = [...new Set(types.map((type) => topicOf[type]))];
  const hot = names.filter((name) => isShared(fileOf(name)));
  const bar = progressBar();
  const tail = await log.tail(conversation === undefined ? names : hot, see, {
    from: typeof from === 'number' ? { time: Date.now() - from } : (from ?? 'end'),
    types,
    ...(conversation === undefined ? {} : { partitions: [log.partitionOf(conversation)] }),
    progress: (seen, total) => bar.report('Reading the log', seen, total),
  });
  const stopped = untilSignalled();
  await Promise.race([tail.caughtUp, stopped]);
  bar.end();
  lines.live();
  await stopped;
  await tail.close();
};

export const tailCommand = new Command('tail')
  .description('print events as they happen, until Ctrl-C')
  .option('--conversation <id>', 'only of this conversation')
  .option('--type <types>', 'only of these types, separated by commas', parseTypes)
  .option('--from <when>', 'begin so long ago, e.g. 30m, 2h or 7d, or at the beginning; default: now', parseFrom)
  .option('--json', 'one JSON object per line, with the data decoded')
  .addHelpText(
    'after',
    `
A line is: time, conversation (the end of its id), type, time since the request, who, what, and what became of it.
Left out unless asked for with --type: ${noisy.join(', ')}.
Secrets are not shown: passwords, tokens, keys, and what mesh.yaml names under \`redaction\`. The log has them.

Example:
  parley tail --from 10m --type RequestDenied,ResponseFailed`,
  )
  .action((options: Options) => withLog((log) => follow(log, options)));
