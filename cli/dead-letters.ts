import { Argument, Command, InvalidArgumentError } from 'commander';
import { createCodec } from '../services/runtime/codec.ts';
import { redrive } from '../services/runtime/kafka/redrive.ts';
import type { AnyRecorded, Log, Recorded } from '../services/runtime/log.ts';
import { recorded, typeOf } from '../services/runtime/recorded.ts';
import { registrySchemaIds } from '../services/runtime/registry.ts';
import type { TopicName } from '../topics/index.ts';
import { findCluster, withLog } from './connect.ts';
import { eventJson, jsonLine } from './event-json.ts';
import { instant, many } from './figures.ts';
import { progressBar } from './progress.ts';
import { readRedaction, redactedEvent } from './redacted.ts';
import { plain, table } from './text.ts';

type Letter = Recorded<'EventDeadLettered'>;

interface Place {
  partition: number;
  offset: number;
}

const parsePlace = (text: string): Place => {
  const [, partition, offset] = /^(\d{1,9})\/(\d{1,15})$/.exec(text) ?? [];
  if (!partition || !offset) throw new InvalidArgumentError('Say which as `dead-letters list` does, e.g. 3/17.');
  return { partition: Number(partition), offset: Number(offset) };
};

const place = () => new Argument('<partition/offset>', 'which, as `dead-letters list` names it').argParser(parsePlace);

const readLetters = async (log: Log, partitions?: number[]): Promise<Letter[]> => {
  const letters: Letter[] = [];
  const bar = progressBar();
  const tail = await log.tail(
    ['mesh.dead-letters'],
    (event) => {
      if (event.type === 'EventDeadLettered') letters.push(event);
    },
    {
      from: 'beginning',
      ...(partitions ? { partitions } : {}),
      progress: (seen, total) => bar.report('Reading dead letters', seen, total),
    },
  );
  await tail.caughtUp;
  await tail.close();
  bar.end();
  return letters.sort((a, b) => a.time - b.time);
};

const find = async ({ partition, offset }: Place): Promise<Letter> => {
  const letters = await withLog((log) => readLetters(log, [partition]));
  const letter = letters.find((one) => one.offset === offset);
  if (!letter)
    throw new Error(`there is no dead letter ${partition}/${offset}: \`parley dead-letters list\` names them`);
  return letter;
};

const row = (letter: Letter): string[] => {
  const start = [`${letter.partition}/${letter.offset}`, instant(letter.time)];
  try {
    const { service, reason, topic, partition, offset, recordHeaders } = letter.data;
    const type = plain(typeOf(recordHeaders), 40) || 'no type';
    return [...start, service, type, `${plain(topic, 60)} ${partition}/${offset}`, plain(reason, 120)];
  } catch (error) {
    return [...start, '', '', '', `cannot be read: ${(error as Error).message}`];
  }
};

const list = new Command('list')
  .description('print the records that a service could never process')
  .option('--json', 'one JSON object per line')
  .addHelpText('after', '\nExample:\n  parley dead-letters list')
  .action(async ({ json }: { json?: boolean }) => {
    const letters = await withLog((log) => readLetters(log));
    if (json) for (const letter of letters) console.log(eventJson(letter as AnyRecorded));
    else if (letters.length === 0) console.log('There are no dead letters.');
    else {
      console.log(table([['which', 'when', 'service', 'type', 'record', 'why'], ...letters.map(row)]).join('\n'));
      console.log(`\n${many(letters.length, 'dead letter')}. Next: parley dead-letters show|redrive <which>`);
    }
  });

/** The record that a letter holds, as the mesh would see it. */
const recordIn = async ({ data }: Letter): Promise<AnyRecorded> => {
  const { registry } = await findCluster();
  const codec = await createCodec(registrySchemaIds(registry), []);
  await codec.learn([data.recordValue]);
  const { partition, offset, recordKey: key, recordValue: value, recordHeaders: headers } = data;
  return recorded({ topic: data.topic as TopicName, partition, offset, key, value, headers }, typeOf(headers), codec);
};

const show = new Command('show')
  .description('print one of them: why, where it was, and the record with its data decoded where that is possible')
  .addArgument(place())
  .addHelpText('after', '\nExample:\n  parley dead-letters show 3/17')
  .action(async (which: Place) => {
    const letter = await find(which);
    const { service, reason, topic, partition, offset, recordValue, recordHeaders } = letter.data;
    const shown = redactedEvent(await recordIn(letter), await withLog(readRedaction));
    const record: Record<string, unknown> = JSON.parse(eventJson(shown));
    console.log(
      `${plain(service)} could not process ${plain(topic)} ${partition}/${offset} on ${instant(letter.time)}`,
    );
    console.log(`why      ${plain(reason, 1_000)}`);
    for (const [name, value] of Object.entries(recordHeaders))
      console.log(`header   ${plain(name, 60)}: ${plain(value.toString(), 300)}`);
    console.log(`key      ${plain(String(record.key), 300)}`);
    if (record.data !== null) console.log(`data     ${jsonLine(record.data)}`);
    else {
      console.log(`data     cannot be read: ${plain(String(record.unreadable), 300)}`);
      console.log(`value    ${recordValue === null ? 'none' : `base64 ${recordValue.toString('base64')}`}`);
    }
  });

const redriveOne = new Command('redrive')
  .description('put one back on its topic as it was, to be processed again')
  .addArgument(place())
  .addHelpText(
    'after',
    `
It keeps its id: services that have seen it ignore it, the one that could not process it tries again. Mend the reason first, or
it comes back. The dead letter stays in the list for as long as topics/mesh.dead-letters.yaml says.

Example:
  parley dead-letters redrive 3/17`,
  )
  .action(async (which: Place) => {
    const { data } = await find(which);
    const offset = await redrive(await findCluster(), data);
    console.log(`Put back as ${plain(data.topic)} ${data.partition}/${offset}.`);
  });

export const deadLettersCommand = new Command('dead-letters')
  .description('records that a service could never process, kept whole with the reason')
  .addHelpText('after', '\nExample:\n  parley dead-letters list')
  .addCommand(list)
  .addCommand(show)
  .addCommand(redriveOne);
