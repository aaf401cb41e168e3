/**
 * How many bytes a turn of a long chat puts into the log, of all topics, when the client sends the whole history each time: as
 * one conversation, and, for comparison, with each turn as a conversation of its own, which can refer to nothing.
 *   node bench/log-bytes.ts [--turns 100] [--message-bytes 500]
 * A table as Markdown on standard output. Values, keys and headers of records are counted, before Kafka's own framing.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pino from 'pino';
import { installJars } from '../embedded/install.ts';
import { registryUrl } from '../embedded/registry.ts';
import { readState } from '../embedded/state.ts';
import { createKafkaLog } from '../services/runtime/kafka-log.ts';
import type { AnyRecorded } from '../services/runtime/log.ts';
import { registrySchemaIds } from '../services/runtime/registry.ts';
import { meshTopics } from '../topics/index.ts';
import { MODEL } from './call.ts';
import { startUpstream } from './children.ts';
import { makeDataDirectory, type Parley, startParley } from './parley.ts';

const { values } = parseArgs({
  options: { turns: { type: 'string', default: '100' }, 'message-bytes': { type: 'string', default: '500' } },
});
const TURNS = Number(values.turns);
const MESSAGE_BYTES = Number(values['message-bytes']);
const SHOWN = [1, 10, 50, 100].filter((turn) => turn <= TURNS);
const SETTLED_MS = 2_000;

const message = (i: number) => {
  const role = i % 2 === 0 ? 'user' : 'assistant';
  return { role, content: `${role} ${i}: ${'word '.repeat(MESSAGE_BYTES)}`.slice(0, MESSAGE_BYTES) };
};
/** A question, and before it all that was asked and answered. */
const bodyOf = (turn: number) =>
  JSON.stringify({
    model: MODEL,
    temperature: 0.2,
    messages: Array.from({ length: 2 * turn - 1 }, (_, i) => message(i)),
  });

/** @returns the request's id. */
const ask = async ({ url, key }: Parley, turn: number, conversation: string | undefined): Promise<string> => {
  const answer = await fetch(`${url}/chat/completions`, {
    method: 'POST',
    body: bodyOf(turn),
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      ...(conversation === undefined ? {} : { 'x-conversation-id': conversation }),
    },
  });
  if (!answer.ok) throw new Error(`turn ${turn}: ${answer.status} ${await answer.text()}`);
  await answer.arrayBuffer();
  return answer.headers.get('x-request-id') ?? '';
};

const sizeOf = ({ raw: { key, value, headers } }: AnyRecorded): number =>
  Object.entries(headers).reduce(
    (sum, [name, header]) => sum + name.length + header.length,
    (key?.length ?? 0) + (value?.length ?? 0),
  );

/** Bytes of all that followed from each request, once metering and audit have said what they have to say. */
const bytesByRequest = async (directory: string): Promise<Map<string, number>> => {
  const { kafka, registry } = readState(join(directory, '.parley', 'embedded.json')) ?? {};
  if (!kafka || !registry) throw new Error('.parley/embedded.json does not say which processes run');
  const log = await createKafkaLog({
    brokers: [`127.0.0.1:${kafka.port}`],
    clientId: 'bench',
    topicPrefix: '',
    schemaIds: registrySchemaIds({ url: registryUrl(registry.port), prefix: '' }),
    writes: [],
    logger: pino({ level: 'silent' }),
  });
  const bytes = new Map<string, number>();
  let seenAt = Date.now();
  const see = (record: AnyRecorded) => {
    seenAt = Date.now();
    bytes.set(record.correlationId, (bytes.get(record.correlationId) ?? 0) + sizeOf(record));
  };
  const tail = await log.tail(meshTopics, see, { from: 'beginning' });
  await tail.caughtUp;
  while (Date.now() - seenAt < SETTLED_MS) await sleep(100);
  await tail.close();
  await log.close();
  return bytes;
};

const undo: (() => unknown)[] = [];
try {
  const { signal } = new AbortController();
  await installJars({ progress: { update: () => {}, done: () => {} }, signal });
  const directory = makeDataDirectory();
  undo.push(directory.remove);
  const upstream = await startUpstream(1);
  undo.push(upstream.stop);
  const parley = await startParley({ directory: directory.path, upstreamUrl: upstream.url }, signal);
  undo.push(parley.stop);

  const alone: string[] = [];
  const together: string[] = [];
  for (let turn = 1; turn <= TURNS; turn += 1) {
    alone.push(await ask(parley, turn, undefined));
    together.push(await ask(parley, turn, 'long-chat'));
  }
  const bytes = await bytesByRequest(directory.path);
  const of = (ids: readonly string[], turn: number) => bytes.get(ids[turn - 1]!) ?? 0;
  const all = (ids: readonly string[]) => ids.reduce((sum, id) => sum + (bytes.get(id) ?? 0), 0);
  const row = (cells: readonly (string | number)[]) => `| ${cells.map((c) => c.toLocaleString('en')).join(' | ')} |`;
  const lines = SHOWN.map((turn) => row([turn, bodyOf(turn).length, of(alone, turn), of(together, turn)]));
  console.log(
    [
      row(['turn', 'bytes of the body', 'bytes in the log, as conversations of their own', 'as one conversation']),
      row(['---:', '---:', '---:', '---:']),
      ...lines,
      row([`all ${TURNS}`, '', all(alone), all(together)]),
    ].join('\n'),
  );
} finally {
  for (const step of undo.reverse()) await step();
}
