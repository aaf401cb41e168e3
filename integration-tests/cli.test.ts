import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toolRequest } from '../cli/effects/requests-for-tests.ts';
import { NO_HASH } from '../services/audit/chain.ts';
import { blank } from '../services/audit/evidence-for-tests.ts';
import { served } from '../services/audit/mesh-events.ts';
import { deadLetter } from '../services/runtime/dead-letter.ts';
import { follow, newId } from '../services/runtime/event.ts';
import type { GovernanceOptions } from '../services/runtime/governance/index.ts';
import type { AnyRecorded, Event, Log } from '../services/runtime/log.ts';
import type { TopicName } from '../topics/index.ts';
import { freshCluster, openLog } from './cluster.ts';

const MAIN = join(import.meta.dirname, '..', 'cli', 'main.ts');

let cluster: GovernanceOptions;
let log: Log;
const directory = mkdtempSync(join(tmpdir(), 'parley-cli-'));

beforeAll(async () => {
  cluster = await freshCluster();
  log = await openLog(cluster);
});
afterAll(async () => {
  await log.close();
  rmSync(directory, { recursive: true });
});

interface Running {
  child: ChildProcessWithoutNullStreams;
  out: string;
  err: string;
  code: Promise<number | null>;
}

const parley = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Running => {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: directory,
    env: {
      PATH: process.env.PATH,
      TZ: 'UTC',
      KAFKA_BROKERS: cluster.kafka.brokers.join(','),
      SCHEMA_REGISTRY_URL: cluster.registry.url,
      PARLEY_TOPIC_PREFIX: cluster.topicPrefix,
      ...env,
    },
  });
  const running: Running = {
    child,
    out: '',
    err: '',
    code: new Promise((resolve) => child.once('close', resolve)),
  };
  child.stdout.on('data', (data) => {
    running.out += data;
  });
  child.stderr.on('data', (data) => {
    running.err += data;
  });
  return running;
};

const run = async (args: readonly string[], env?: NodeJS.ProcessEnv) => {
  const running = parley(args, env);
  const code = await running.code;
  return { code, out: running.out, err: running.err };
};

const until = async (condition: () => boolean) => {
  const end = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

const read = async (topic: TopicName): Promise<AnyRecorded[]> => {
  const records: AnyRecorded[] = [];
  const tail = await log.tail([topic], (record) => void records.push(record), { from: 'beginning' });
  await tail.caughtUp;
  await tail.close();
  return records;
};

const usageOf = (completed: Event): Event<'UsageRecorded'> => {
  const { subject, action, resource, target, meters } = (completed as Event<'ResponseCompleted'>).data;
  const cost = { costNanos: 123_000, currency: 'USD', priced: true, configurationVersion: 'v1' };
  const data = { subject, action, resource, target, meters, estimated: false, ...cost };
  return follow('metering', completed, 0, 'UsageRecorded', data, completed.time);
};

const conversation = `acme:${newId()}`;
const events = served(conversation);

describe('parley', () => {
  test('topics check is content with what topics apply has made', async () => {
    expect(await run(['topics', 'check'])).toMatchObject({ code: 0, out: 'The cluster is as the files say.\n' });
    expect(await run(['topics', 'apply'])).toMatchObject({ code: 0, out: 'Nothing to do.\n' });
  });

  test('on a cluster without the topics every command says what to do', async () => {
    const env = { PARLEY_TOPIC_PREFIX: 'nowhere.' };
    const check = await run(['topics', 'check'], env);
    expect(check.code).toBe(1);
    expect(check.out).toContain('apply mends:    topic nowhere.mesh.requests is missing (6 partitions)');
    const usage = await run(['usage', '--by', 'unit'], env);
    expect(usage).toMatchObject({ code: 1, out: '' });
    expect(usage.err).toContain('run `parley topics apply`');
    expect(usage.err.trim().split('\n')).toHaveLength(1);
  });

  test('replay prints a conversation as a timeline', async () => {
    await log.append([...events, usageOf(events.at(-1)!), ...served(`acme:${newId()}`)]);
    const { code, out, err } = await run(['replay', conversation]);
    expect(err).toBe('');
    expect(code).toBe(0);
    const words = ['received', 'permitted', 'dispatched', 'streaming', 'completed', 'used'];
    expect(out).toMatch(new RegExp(`^Conversation ${conversation}\n\n#1 .*model.chat small, asked by bot`));
    expect([...out.matchAll(/^ +\+\S+ \w+ {2}(\w+)/gm)].map(([, word]) => word)).toEqual(words);
    expect(out).toContain('1 request (1 served)');
    expect(out).toContain('10 input_tokens, 3 output_tokens, 0.000123 USD');
  });

  test('replay --json is one event per line, decoded', async () => {
    const { code, out } = await run(['replay', conversation, '--json']);
    expect(code).toBe(0);
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map((line) => line.type)).toEqual([...events.map((event) => event.type), 'UsageRecorded']);
    expect(lines[0]).toMatchObject({ id: events[0]!.id, topic: 'mesh.requests', key: conversation });
    expect(lines[0].data.request.message).toMatch(/^a+$/);
  });

  test('replay of what is not there fails in a line', async () => {
    const { code, out, err } = await run(['replay', `acme:${newId()}`]);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^parley: there is no conversation .*\n$/);
  });

  test('replay --follow goes on with what comes, until it is interrupted', async () => {
    const running = parley(['replay', conversation, '--follow']);
    await until(() => running.out.includes('0.000123'));
    await log.append(served(conversation));
    await until(() => running.out.split('completed').length === 3);
    expect(running.out).toContain('#2 ');
    running.child.kill('SIGINT');
    expect(await running.code).toBe(0);
  });

  test('tail prints events as they happen', async () => {
    const running = parley(['tail', '--conversation', conversation, '--type', 'RequestReceived,ResponseCompleted']);
    // It prints nothing that tells when it listens: what is appended until then is not its business.
    await until(() => {
      void log.append(served(conversation).slice(0, 1));
      return running.out.includes('RequestReceived');
    });
    await log.append(served(conversation));
    await until(() => running.out.includes('ResponseCompleted'));
    expect(running.out).toMatch(
      /bot for lead@acme.example {2}model.chat small {2}10 input_tokens, 3 output_tokens {2}200 from openai/,
    );
    expect(running.out).not.toContain('RequestPermitted');
    running.child.kill('SIGINT');
    expect(await running.code).toBe(0);
  });

  test('tail --from begins with what has been, in order of time', async () => {
    const running = parley(['tail', '--from', 'beginning', '--json']);
    await until(() => running.out.includes('UsageRecorded'));
    running.child.kill('SIGTERM');
    expect(await running.code).toBe(0);
    const lines = running.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const times = lines.map((line) => Date.parse(line.time));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(lines.some((line) => line.type === 'ResponseChunk')).toBe(false);
  });

  test('usage sums up, and counts nothing twice', async () => {
    await log.append([usageOf(events.at(-1)!)]);
    const { code, out } = await run(['usage', '--by', 'agent', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({
      by: 'agent',
      name: 'bot',
      calls: 1,
      meters: { input_tokens: 10, output_tokens: 3 },
      costNanos: { USD: 123_000 },
      estimated: 0,
      unpriced: 0,
    });
    expect((await run(['usage', '--by', 'model'])).out).toMatch(/small +1 +10 +3 +0\.000123 USD/);
    expect((await run(['usage', '--by', 'unit', '--since', '1ms'])).out).toContain('Nothing was used');
  });

  test('dead-letters list, show and redrive: the record comes back as it was', async () => {
    expect((await run(['dead-letters', 'list'])).out).toBe('There are no dead letters.\n');
    const [received] = served(`acme:${newId()}`);
    await log.append([received!]);
    const record = (await read('mesh.requests')).find((one) => one.id === received!.id);
    await log.append([deadLetter('policy', record!, 'not today', Date.now())]);
    const list = await run(['dead-letters', 'list']);
    expect(list.out).toMatch(/policy +RequestReceived +mesh\.requests \d+\/\d+ +not today/);
    const which = /^(\d+\/\d+)/m.exec(list.out)![1]!;
    const show = await run(['dead-letters', 'show', which]);
    expect(show.out).toContain('why      not today');
    expect(show.out).toContain('data     {"request":{');
    const before = await read('mesh.requests');
    expect(await run(['dead-letters', 'redrive', which])).toMatchObject({ code: 0, err: '' });
    const after = await read('mesh.requests');
    expect(after).toHaveLength(before.length + 1);
    const again = after.filter((one) => one.id === record!.id);
    expect(again).toHaveLength(2);
    expect(again[1]!.raw.headers).toEqual(again[0]!.raw.headers);
    expect(again[1]!.value).toEqual(again[0]!.value);
    expect([again[1]!.key, again[1]!.partition]).toEqual([again[0]!.key, again[0]!.partition]);
    expect(await run(['dead-letters', 'show', '0/99999'])).toMatchObject({ code: 1, out: '' });
  });

  test('apply puts a file in force, once, and refuses one with a problem by its line', async () => {
    const good = [
      'providers:',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: mesh.yaml's own notation.
      '  local: { url: http://127.0.0.1:9/v1, apiKey: "${SOME_KEY}" }',
      'models:',
      '  small: { targets: [{ provider: local }] }',
    ];
    writeFileSync(join(directory, 'mesh.yaml'), good.join('\n'));
    const missing = await run(['apply']);
    expect(missing.code).toBe(1);
    expect(missing.err).toMatch(/mesh\.yaml:2:\d+ .*SOME_KEY/);
    expect((await run(['apply', '--dry-run', '--allow-missing-env'])).out).toMatch(
      /would be in force:\n {2}\+ providers\.local/,
    );
    const env = { SOME_KEY: 'sk-very-secret' };
    const applied = await run(['apply'], env);
    expect(applied).toMatchObject({ code: 0, err: '' });
    expect(applied.out).toMatch(/ is in force:\n/);
    expect(applied.out).not.toContain('sk-very-secret');
    expect((await run(['apply', 'mesh.yaml'], env)).out).toContain('in force already');
    writeFileSync(join(directory, 'mesh.yaml'), good.join('\n').replace('targets', 'target'));
    const refused = await run(['apply'], env);
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/mesh\.yaml:4:/);
  });

  test('keys create prints the key once, and what to paste', async () => {
    const { code, out, err } = await run([
      'keys',
      'create',
      'bot-1',
      '--agent',
      'bot',
      '--person',
      'lead@acme.example',
    ]);
    expect(code).toBe(0);
    expect(out).toMatch(/^sk-parley-[\w-]{43}\n$/);
    expect(err).toMatch(/ {2}bot-1:\n {4}hash: sha256:[0-9a-f]{64}\n {4}agent: bot\n {4}person: lead@acme.example/);
    expect(err).not.toContain(out.trim());
  });

  test('audit verify says what is not audited yet, and names what is broken', async () => {
    const nothing = await run(['audit', 'verify']);
    expect(nothing.code).toBe(0);
    expect(nothing.out).toContain('events not audited yet');
    const entry = { sequence: 1, previousHash: NO_HASH, hash: 'f'.repeat(64), ...blank, reason: 'nobody' };
    await log.append([{ ...events[0]!, type: 'AuditEntry', data: entry }]);
    const broken = await run(['audit', 'verify']);
    expect(broken.code).toBe(1);
    expect(broken.out).toMatch(/BROKEN: the first broken entry is mesh\.audit \d+\/0 \(entry 1\): it was altered/);
    expect(JSON.parse((await run(['audit', 'verify', '--json'])).out)).toMatchObject({ whole: false, found: 1 });
  });

  test('effects list and settle: a call nobody knows the outcome of, and what somebody found out; secrets are not shown', async () => {
    const contextId = `acme:${newId()}`;
    const id = newId();
    const request = toolRequest('pay', { amount: 3, token: 'hunter2' }, { id, contextId });
    const failure = {
      reason: 'OUTCOME_UNKNOWN' as const,
      message: 'The mesh was interrupted.',
      status: null,
      retryAfterMs: null,
      headers: {},
      body: null,
    };
    const target = { id: 'mcp/crm', connection: 'mcp:crm', name: 'crm' };
    const received: Event = {
      id,
      type: 'RequestReceived',
      source: 'edge-mcp',
      key: contextId,
      time: Date.now(),
      correlationId: id,
      causationId: '',
      traceparent: '',
      data: { request },
    };
    const { subject, action, resource } = request;
    const none = { attempt: 1, chunks: 0, meters: {}, estimated: false };
    await log.append([
      received,
      follow('edge-mcp', received, 'begun', 'AttemptBegun', { target, attempt: 1 }, Date.now()),
      follow(
        'edge-mcp',
        received,
        'ended',
        'ResponseFailed',
        { subject, action, resource, target, failure, ...none },
        Date.now(),
      ),
    ]);
    const list = await run(['effects', 'list']);
    expect(list).toMatchObject({ code: 0, err: '' });
    expect(list.out).toContain(`${id}  tool.call crm/pay`);
    expect(list.out).toContain('{"amount":3,"token":"[redacted]"}');
    const settle = ['effects', 'settle', id, '--happened', '--by', 'lead@acme.example', '--note'];
    expect((await run(settle)).code).toBe(2);
    expect((await run([...settle, ' '])).err).toContain('say how it was found out with --note');
    expect(await run([...settle, 'invoice 17 is there'])).toMatchObject({ code: 0, err: '' });
    expect((await run(['effects', 'list'])).out).toBe('There is no call whose outcome is unknown.\n');
    expect(JSON.parse((await run(['effects', 'list', '--all', '--json'])).out)).toMatchObject({
      requestId: id,
      settled: { happened: true, by: 'lead@acme.example', note: 'invoice 17 is there' },
    });
    const replay = await run(['replay', contextId]);
    expect(replay.out).toContain('settled         it happened, says lead@acme.example: invoice 17 is there');
    expect(replay.out + (await run(['replay', contextId, '--json'])).out).not.toContain('hunter2');
  });

  test('called the wrong way it exits with 2, and every command has help with an example', async () => {
    expect(await run(['tail', '--from', 'yesterday'])).toMatchObject({ code: 2, out: '' });
    expect(await run(['nonsense'])).toMatchObject({ code: 2, out: '' });
    const commands = [
      ['tail'],
      ['replay'],
      ['reconcile'],
      ['usage'],
      ['audit'],
      ['audit', 'verify'],
      ['apply'],
      ['keys', 'create'],
      ['topics', 'check'],
      ['topics', 'apply'],
      ['dead-letters', 'redrive'],
      ['effects', 'list'],
      ['effects', 'settle'],
      ['up'],
    ];
    const helps = commands.map(async (command) => {
      const { code, out } = await run([...command, '--help']);
      return { command, code, example: out.includes('Example:\n') };
    });
    expect(await Promise.all(helps)).toEqual(commands.map((command) => ({ command, code: 0, example: true })));
  });

  test('where there is no cluster it says what to do', async () => {
    const { code, err } = await run(['tail'], { KAFKA_BROKERS: '', SCHEMA_REGISTRY_URL: '' });
    expect(code).toBe(1);
    expect(err).toContain('start one with `npm start`, or set KAFKA_BROKERS and SCHEMA_REGISTRY_URL');
    const gone = await run(['tail'], { KAFKA_BROKERS: '127.0.0.1:1' });
    expect(gone.err).toBe('parley: Kafka does not answer at 127.0.0.1:1: is it running, and is KAFKA_BROKERS right?\n');
  });
});
