/** For tests: a handler and a mesh that answers it, in an order from a seed, with a process that is killed at an append. */

import { type Message, type StreamResponse, textOf } from '../a2a.ts';
import { type Handler, handle } from '../handler.ts';
import { hasEnded, journalOf } from './journal.ts';
import type { Statement, Told } from './records.ts';
import { TaskRun } from './run.ts';

export interface Kill {
  /** Which statement of the outbox. */
  at: number;
  when: 'before' | 'after';
}

export interface Performance {
  outbox: Statement[];
  /** State and text of the last statement. */
  end: string;
  /** Steps that were done when the process was killed, and not recorded. */
  lost: ReadonlySet<string>;
}

const TASK = '01900000-0000-7000-8000-000000000001';
const about = { agent: 'tested', taskId: TASK };
const subject = { tenant: '', unit: '', agent: 'someone', person: '', credential: '', actors: [] };
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

/** Numbers below `n` that follow from a seed (mulberry32). */
const chance = (seed: number) => {
  let state = seed >>> 0;
  return (n: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % n;
  };
};

const messageOf = (id: string, text: string, continues: boolean): Told => ({
  id,
  type: 'MessageDelivered',
  contextId: 'context',
  traceparent: '',
  data: {
    ...about,
    contextId: 'context',
    requestId: `request of ${id}`,
    subject,
    continues,
    deadline: 4e12,
    request: bytes({ message: { messageId: id, role: 'ROLE_USER', parts: [{ text }] } }),
  },
});

/** What a mesh tells after a statement. */
const replies = (statement: Statement): Told[] => {
  const { type, data } = statement;
  const told = { id: `reply to ${statement.id}`, contextId: 'context', traceparent: '' };
  if (type === 'AgentSlept') return [{ ...told, type: 'TimerElapsed', data: { ...about, timerId: data.timerId } }];
  // The next message answers the question that was asked first, whichever the person means: so all answers are alike.
  if (statement.kind === 'ask') return [messageOf(told.id, 'yes', true)];
  if (type !== 'AgentCalled') return [];
  const { callId, action, message } = data;
  if (action === 'model.chat') {
    const content = `answer to ${message.toString()}`;
    const completion = { id: callId, choices: [{ index: 0, message: { role: 'assistant', content } }] };
    const answer = {
      ...about,
      callId,
      outcome: 'COMPLETED' as const,
      status: 200,
      reason: '',
      message: bytes(completion),
    };
    return [{ ...told, type: 'CallAnswered', data: answer }];
  }
  const childTaskId = `child ${callId}`;
  const child = { id: childTaskId, contextId: 'context', status: { state: 'TASK_STATE_WORKING' } };
  const artifact = {
    artifactId: 'a',
    parts: [{ text: `found for ${textOf((JSON.parse(message.toString()) as { message: Message }).message)}` }],
  };
  const updates: [string, unknown][] = [
    ['TASK_STATE_WORKING', { task: child }],
    ['TASK_STATE_WORKING', { artifactUpdate: { taskId: childTaskId, contextId: 'context', artifact } }],
    ['TASK_STATE_COMPLETED', { statusUpdate: { taskId: childTaskId, status: { state: 'TASK_STATE_COMPLETED' } } }],
  ];
  return updates.map(([state, update], i) => ({
    ...told,
    id: `${told.id} ${i}`,
    type: 'CallUpdated',
    data: { ...about, callId, childTaskId, sequence: i + 1, state, update: bytes(update) },
  }));
};

const endOf = (statement: Statement | undefined): string => {
  if (statement?.type !== 'AgentReported') return '';
  const { status } = (JSON.parse(statement.data.update.toString()) as StreamResponse).statusUpdate ?? {};
  return `${status?.state} ${status?.message?.parts[0]?.text}`;
};

/** Performs a task to its end. @throws when it does not come. */
export const perform = async (handler: Handler, seed: number, kill?: Kill): Promise<Performance> => {
  const below = chance(seed);
  const inbox: Told[] = [messageOf('first', 'begin', false)];
  const outbox: Statement[] = [];
  const coming: Told[][] = [];
  const done = new Set<string>();
  const lost = new Set<string>();
  let left = kill;
  let run: TaskRun;

  const append = async (statements: readonly Statement[]): Promise<void> => {
    const dies = left && outbox.length <= left.at && left.at < outbox.length + statements.length ? left : undefined;
    // Of an append all lands or nothing: it is one batch of one partition.
    if (dies?.when !== 'before') {
      outbox.push(...statements);
      for (const statement of statements) coming.push(replies(statement));
    }
    if (!dies) return await new Promise((resolve) => setImmediate(resolve));
    left = undefined;
    run.abandon();
    const recorded = new Set(outbox.flatMap((s) => (s.type === 'StepRecorded' ? s.data.name : [])));
    for (const name of done) if (!recorded.has(name)) lost.add(name);
    begin();
    return await new Promise(() => {});
  };
  const handling: Handler = (message, ctx) => {
    const step: typeof ctx.step = (name, work) =>
      ctx.step(name, (signal) => {
        done.add(name);
        return work(signal);
      });
    return handler(message, new Proxy(ctx, { get: (of, key) => (key === 'step' ? step : Reflect.get(of, key)) }));
  };
  const begin = () => {
    const journal = journalOf(inbox, outbox);
    if (hasEnded(journal)) return;
    run = new TaskRun({
      agent: 'tested',
      journal,
      handle: handle(handling, () => {}),
      append,
      now: () => 1,
      quiet: () => {},
    });
    run.start();
  };

  begin();
  for (let idle = 0; !run!.ended && !hasEnded(journalOf(inbox, outbox)); idle += 1) {
    if (idle > 20_000)
      throw new Error(`the task does not end: ${outbox.map(({ number, kind }) => `${number} ${kind}`)}`);
    await new Promise((resolve) => setImmediate(resolve));
    const ready = coming.filter((replies) => replies.length > 0);
    if (ready.length === 0 || below(3) > 0) continue;
    const told = ready[below(ready.length)]!.shift()!;
    inbox.push(told);
    run!.deliver(told);
  }
  return { outbox, end: endOf(outbox.at(-1)), lost };
};
