import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StreamResponse, Task } from '@a2a-js/sdk';
import pino from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import type { EventData } from '../../../topics/index.ts';
import { newId } from '../../runtime/event.ts';
import type { Event } from '../../runtime/log.ts';
import { createMemoryLog, MemoryCluster } from '../../runtime/memory-log.ts';
import { TooSlow } from './changes.ts';
import { startView, type View, type ViewOptions } from './view.ts';

const logger = pino({ level: 'silent' });
const forever = new AbortController().signal;
const subject = {
  tenant: 'acme',
  unit: 'research',
  agent: 'asker',
  person: 'p@example.com',
  credential: 'k',
  actors: [],
};
const START = Date.parse('2026-01-01T00:00:00Z');

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** What an update says, in ProtoJSON, and the state after it. */
const said = {
  task: (id: string, contextId: string, minute = 0) => ({
    state: 'TASK_STATE_SUBMITTED',
    json: { task: { id, contextId, status: { state: 'TASK_STATE_SUBMITTED', timestamp: at(minute) } } },
  }),
  status: (state: string, minute: number, text?: string) => ({
    state,
    json: { statusUpdate: { status: { state, timestamp: at(minute), message: text && message('ROLE_AGENT', text) } } },
  }),
  user: (text: string) => ({ state: 'TASK_STATE_WORKING', json: { message: message('ROLE_USER', text) } }),
  artifact: (text: string, append = false) => ({
    state: 'TASK_STATE_WORKING',
    json: { artifactUpdate: { artifact: { artifactId: 'a', parts: [{ text }] }, append } },
  }),
};
const at = (minute: number) => new Date(START + minute * 60_000).toISOString();
const message = (role: string, text: string) => ({ messageId: text, role, parts: [{ text }] });
type Said = { state: string; json: object };

/** A task's updates in order, each with the next sequence number. */
const story = (taskId: string, contextId: string, more: Partial<EventData['TaskUpdated']> = {}) => {
  let sequence = 0;
  return ({ state, json }: Said, requestId = 'request'): Event<'TaskUpdated'> => {
    sequence += 1;
    const update = Buffer.from(JSON.stringify(json));
    return {
      id: `${taskId} ${sequence}`,
      type: 'TaskUpdated',
      source: 'task-state',
      key: contextId,
      time: START,
      correlationId: requestId,
      causationId: '',
      traceparent: '',
      data: { taskId, agent: 'helper', subject, requestId, sequence, state, update, parentTaskId: '', ...more },
    };
  };
};

const world = async () => {
  const cluster = new MemoryCluster();
  const log = await createMemoryLog(cluster);
  undo.push(() => log.close());
  const start = async (options: Partial<ViewOptions> = {}): Promise<View> => {
    const view = await startView({ log, logger, dataDir: undefined, now: () => START, ...options });
    let open = true;
    const close = async () => {
      if (open) await view.close();
      open = false;
    };
    undo.push(close);
    await view.caughtUp;
    return { ...view, close };
  };
  return { cluster, log, start };
};

const until = async <T>(look: () => T | undefined | false): Promise<T> => {
  for (;;) {
    const seen = look();
    if (seen) return seen;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};

const directory = () => {
  const dir = mkdtempSync(join(tmpdir(), 'view-'));
  undo.unshift(() => rmSync(dir, { recursive: true }));
  return dir;
};

const query = { tenant: 'acme', asker: 'asker', agent: 'helper', pageSize: 50 };
const ids = (tasks: readonly Task[]) => tasks.map(({ id }) => id);

describe('the view of tasks', () => {
  it('folds updates into the task, once each', async () => {
    const { log, start } = await world();
    const view = await start();
    const of = story('t', 'c');
    const events = [
      of(said.task('t', 'c')),
      of(said.artifact('one ')),
      of(said.artifact('two', true)),
      of(said.status('TASK_STATE_COMPLETED', 1, 'Done.')),
    ];
    await log.append([...events, events[2]!, events[3]!]);
    const known = await until(() => view.peek('t')?.sequence === 4 && view.peek('t'));
    expect(Task.toJSON(known.task)).toMatchObject({
      status: { state: 'TASK_STATE_COMPLETED' },
      artifacts: [{ parts: [{ text: 'one ' }, { text: 'two' }] }],
      history: [{ messageId: 'Done.' }],
    });
  });

  it('goes on after a restart where it was, and is the same when it is built again', async () => {
    const { log, start } = await world();
    const dataDir = directory();
    const of = story('t', 'c');
    const first = await start({ dataDir });
    await log.append([of(said.task('t', 'c')), of(said.artifact('one '))]);
    await until(() => first.peek('t')?.sequence === 2);
    await first.close();
    await log.append([of(said.artifact('two', true)), of(said.status('TASK_STATE_COMPLETED', 1))]);

    const second = await start({ dataDir });
    const resumed = second.peek('t');
    const rebuilt = (await start()).peek('t');
    expect(resumed?.sequence).toBe(4);
    expect(resumed).toEqual(rebuilt);
  });

  it('reads from the beginning where the log was last followed longer ago than the records that it lacks', async () => {
    const { log, start } = await world();
    const dataDir = directory();
    const later = Date.now() + 3_600_000;
    const first = await start({ dataDir, now: () => later });
    const of = story('t', 'c');
    await log.append([of(said.task('t', 'c'))]);
    await until(() => first.peek('t'));
    await first.close();
    // Records that are, by their time, before what was followed: a clock that was wrong.
    await log.append([of(said.status('TASK_STATE_WORKING', 1)), of(said.status('TASK_STATE_COMPLETED', 2))]);
    const second = await start({ dataDir, now: () => later });
    await log.append([story('t2', 'c')(said.task('t2', 'c'))]);
    await until(() => second.peek('t2'));
    await until(() => second.peek('t')?.state === 'TASK_STATE_COMPLETED');
  });

  it('builds itself again where the file is of another log, or is no database', async () => {
    const one = await world();
    const dataDir = directory();
    const first = await one.start({ dataDir });
    await one.log.append([story('t', 'c')(said.task('t', 'c'))]);
    await until(() => first.peek('t'));
    await first.close();

    const other = await world();
    await other.log.append([story('u', 'c')(said.task('u', 'c'))]);
    const second = await other.start({ dataDir });
    expect([second.peek('t'), second.peek('u')?.sequence]).toEqual([undefined, 1]);
    await second.close();

    writeFileSync(join(dataDir, 'tasks.sqlite'), 'this is no database, whatever its name says');
    expect((await other.start({ dataDir })).peek('u')?.sequence).toBe(1);
  });

  it('keeps to memory where another process has the file', async () => {
    const { log, start } = await world();
    const dataDir = directory();
    await log.append([story('t', 'c')(said.task('t', 'c'))]);
    const [first, second] = [await start({ dataDir }), await start({ dataDir })];
    expect(first.peek('t')).toEqual(second.peek('t'));
  });

  it('lists newest status first, page by page, each task once', async () => {
    const { log, start } = await world();
    const view = await start();
    const all = Array.from({ length: 7 }, (_, i) => `t${i}`);
    // Two share each minute, so that the id decides.
    await log.append(all.map((id, i) => story(id, `c${i}`)(said.task(id, `c${i}`, Math.floor(i / 2)))));
    await until(() => view.list(query).totalSize === 7);
    const pages: string[][] = [];
    for (let cursor: { updated: number; id: string } | undefined; ; ) {
      const { tasks, nextPageToken, totalSize } = view.list({ ...query, pageSize: 3, cursor });
      expect(totalSize).toBe(7);
      pages.push(ids(tasks));
      if (!nextPageToken) break;
      const last = tasks.at(-1)!;
      cursor = { updated: Date.parse(last.status!.timestamp!), id: last.id };
    }
    expect(pages).toEqual([['t6', 't5', 't4'], ['t3', 't2', 't1'], ['t0']]);
  });

  it('lists by conversation, state and time, and only what the asker asked of the agent', async () => {
    const { log, start } = await world();
    const view = await start();
    const other = (agent: string) => ({ subject: { ...subject, agent } });
    const done = story('done', 'c');
    await log.append([
      story('new', 'c')(said.task('new', 'c', 5)),
      done(said.task('done', 'c', 1)),
      done(said.status('TASK_STATE_COMPLETED', 2)),
      story('elsewhere', 'd')(said.task('elsewhere', 'd', 3)),
      story('theirs', 'c', other('stranger'))(said.task('theirs', 'c', 9)),
      story('globex', 'c', { subject: { ...subject, tenant: 'globex' } })(said.task('globex', 'c', 9)),
      story('planner', 'c', { agent: 'planner' })(said.task('planner', 'c', 9)),
    ]);
    await until(() => view.peek('planner') && view.peek('elsewhere'));
    const list = (more: object) => {
      const { tasks, totalSize } = view.list({ ...query, ...more });
      expect(totalSize).toBe(tasks.length);
      return ids(tasks);
    };
    expect(list({})).toEqual(['new', 'elsewhere', 'done']);
    expect(list({ contextId: 'c' })).toEqual(['new', 'done']);
    expect(list({ state: 'TASK_STATE_COMPLETED' })).toEqual(['done']);
    expect(list({ state: 'TASK_STATE_COMPLETED', contextId: 'd' })).toEqual([]);
    // At that time or later: a2a.proto, ListTasksRequest.
    expect(list({ after: START + 2 * 60_000 })).toEqual(['new', 'elsewhere', 'done']);
    expect(list({ after: START + 2 * 60_000 + 1 })).toEqual(['new', 'elsewhere']);
  });

  it('gives a follower the task and then what comes after it, without a gap or a repeat', async () => {
    const { log, start } = await world();
    const view = await start();
    const of = story('t', 'c');
    await log.append([of(said.task('t', 'c'))]);
    await until(() => view.peek('t'));
    const writing = (async () => {
      for (let i = 0; i < 300; i++) {
        await log.append([of(said.artifact(`${i} `, i > 0))]);
        await until(() => view.peek('t')!.sequence === i + 2);
      }
    })();
    const sequences = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        await until(() => view.peek('t')!.sequence >= i * 10);
        const { known, changes } = view.follow('t', forever);
        const seen = [known!.sequence];
        while (seen.at(-1) !== 301) seen.push((await changes.next()).value!.known.sequence);
        await changes.return();
        return seen;
      }),
    );
    await writing;
    for (const seen of sequences) expect(seen).toEqual(Array.from({ length: 302 - seen[0]! }, (_, i) => seen[0]! + i));
  });

  it('lets a request hear only what belongs to it', async () => {
    const { log, start } = await world();
    const view = await start();
    const of = story('t', 'c');
    const heard = view.hear('second', forever);
    await log.append([
      of(said.task('t', 'c'), 'first'),
      of(said.status('TASK_STATE_INPUT_REQUIRED', 1), 'first'),
      of(said.user('Go on.'), 'second'),
      of(said.status('TASK_STATE_COMPLETED', 2), 'second'),
    ]);
    const cases = [(await heard.next()).value, (await heard.next()).value].map((change) => change?.update.$case);
    expect(cases).toEqual(['message', 'statusUpdate']);
    await heard.return();
  });

  it('ends a follower that does not read, and says so', async () => {
    const { log, start } = await world();
    const view = await start({ backlog: { changes: 10, bytes: 1_000_000 } });
    const of = story('t', 'c');
    await log.append([of(said.task('t', 'c'))]);
    await until(() => view.peek('t'));
    const { changes } = view.follow('t', forever);
    await log.append(Array.from({ length: 11 }, (_, i) => of(said.artifact(`${i}`, i > 0))));
    await until(() => view.peek('t')?.sequence === 12);
    await expect(changes.next()).rejects.toThrow(TooSlow);
  });

  it('waits for a task that another instance has just made, and for no other', async () => {
    const { log, start } = await world();
    const view = await start({ now: Date.now });
    const fresh = newId();
    const found = view.get(fresh, forever);
    await log.append([story(fresh, 'c')(said.task(fresh, 'c'))]);
    expect((await found)?.task.id).toBe(fresh);
    expect(await view.get(newId(START), forever)).toBeUndefined();
    expect(await view.get('no id of ours', forever)).toBeUndefined();
  });

  it('passes over what it cannot read, and keeps of a task without a beginning what is left', async () => {
    const { log, start } = await world();
    const view = await start();
    const of = story('t', 'c');
    const garbage = of(said.task('t', 'c'));
    garbage.data.update = Buffer.from('{"task":');
    await log.append([garbage, of(said.status('TASK_STATE_WORKING', 1, 'Still here.'))]);
    const { task } = await until(() => view.peek('t'));
    expect(StreamResponse.toJSON({ payload: { $case: 'task', value: task } })).toMatchObject({
      task: {
        id: 't',
        contextId: 'c',
        status: { state: 'TASK_STATE_WORKING' },
        history: [{ messageId: 'Still here.' }],
      },
    });
  });
});
