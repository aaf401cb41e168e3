/** An agent without a mesh: its handler runs over a journal in memory, and the test says what the mesh would tell it. */
import type { CallOutcome, Subject } from '../schemas/generated.ts';
import { type Artifact, type Content, type Message, partsOf, type StreamResponse, textOf } from './a2a.ts';
import type { Handler } from './handler.ts';
import { handle } from './handler.ts';
import { newId } from './ids.ts';
import { journalOf } from './task/journal.ts';
import type { Statement, Told } from './task/records.ts';
import { TaskRun } from './task/run.ts';

/** What an agent says, in short. */
export type Says =
  | { call: string; action: string; of: string; message: unknown }
  | { sleeps: string; until: number }
  | { step: string; result: unknown }
  | { artifact: Artifact; append: boolean; lastChunk: boolean }
  | { message: string }
  | { state: string; text: string };

const read = (bytes: Buffer): unknown => (bytes.length === 0 ? undefined : JSON.parse(bytes.toString()));

const reportedBy = ({ artifactUpdate, message, statusUpdate }: StreamResponse): Says => {
  if (artifactUpdate) {
    const { artifact, append = false, lastChunk = false } = artifactUpdate;
    return { artifact, append, lastChunk };
  }
  if (message) return { message: textOf(message) };
  const { state = '', message: said } = statusUpdate?.status ?? {};
  return { state, text: said ? textOf(said) : '' };
};

const inShort = (statement: Statement): Says => {
  const { type, data } = statement;
  if (type === 'AgentSlept') return { sleeps: data.timerId, until: data.at };
  if (type === 'StepRecorded') return { step: data.name, result: read(data.result) };
  if (type === 'AgentReported') return reportedBy(read(data.update) as StreamResponse);
  const { callId: call, action, resource, message } = data;
  return { call, action, of: resource.id, message: read(message) };
};

export interface Rehearsal {
  readonly taskId: string;
  /** Each tells the agent something, and resolves with what it says to it, once it waits again or has ended. */
  message(content: Content): Promise<Says[]>;
  /** A call has ended. @param answer the body: a chat completion, a tool's `{ result }`, or A2A's `{ message }`. */
  answer(
    call: string,
    answer: unknown,
    outcome?: { outcome: CallOutcome; reason?: string; status?: number },
  ): Promise<Says[]>;
  /** Another agent has said something. @param state A2A's task state after it. */
  update(call: string, state: string, update: StreamResponse): Promise<Says[]>;
  elapse(timer: string): Promise<Says[]>;
  cancel(reason?: string): Promise<Says[]>;
  /** The process is killed and another one goes on from the journal. */
  restart(): Promise<Says[]>;
}

export interface RehearsalOptions {
  subject?: Partial<Subject>;
  /** Milliseconds since the epoch; default: the clock's. */
  now?: () => number;
}

const someone: Subject = {
  tenant: 'test',
  unit: 'test',
  agent: 'test',
  person: 'test@example.com',
  credential: 'test',
  actors: [],
};

/** A task of an agent, which begins with the first `message`. */
export const rehearse = (
  agent: { name: string; handler: Handler },
  { subject, now = Date.now }: RehearsalOptions = {},
): Rehearsal => {
  const [taskId, contextId] = [newId(), newId()];
  const about = { agent: agent.name, taskId };
  const told: Told[] = [];
  const said: Statement[] = [];
  let run: TaskRun | undefined;
  let sequence = 0;
  let seen = 0;

  const untilQuiet = async (act: () => void): Promise<Says[]> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    quiet = resolve;
    act();
    await promise;
    const news = said.slice(seen).map(inShort);
    seen = said.length;
    return news;
  };
  let quiet = () => {};

  const begin = () => {
    run = new TaskRun({
      agent: agent.name,
      journal: journalOf(told, said),
      handle: handle(agent.handler, () => {}),
      append: async (statements) => void said.push(...statements),
      now,
      quiet: () => quiet(),
    });
    run.start();
  };

  const tell = (record: Pick<Told, 'type' | 'data'>): Promise<Says[]> => {
    if (run?.ended) throw new Error('the task has ended');
    const next = { ...record, id: newId(), contextId, traceparent: '' } as Told;
    told.push(next);
    return untilQuiet(() => (run ? run.deliver(next) : begin()));
  };

  return {
    taskId,
    message: (content) => {
      const message: Message = { messageId: newId(), contextId, taskId, role: 'ROLE_USER', parts: partsOf(content) };
      const request = Buffer.from(JSON.stringify({ message }));
      const turn = { requestId: newId(), subject: { ...someone, ...subject }, continues: told.length > 0 };
      const deadline = now() + 3_600_000;
      return tell({ type: 'MessageDelivered', data: { ...about, contextId, ...turn, deadline, request } });
    },
    answer: (callId, answer, { outcome = 'COMPLETED', reason = '', status = 200 } = { outcome: 'COMPLETED' }) => {
      const message = Buffer.from(answer === undefined ? '' : JSON.stringify(answer));
      return tell({ type: 'CallAnswered', data: { ...about, callId, outcome, reason, status, message } });
    },
    update: (callId, state, update) => {
      const childTaskId =
        update.task?.id ?? update.statusUpdate?.taskId ?? update.artifactUpdate?.taskId ?? `of ${callId}`;
      sequence += 1;
      const bytes = Buffer.from(JSON.stringify(update));
      return tell({ type: 'CallUpdated', data: { ...about, callId, childTaskId, sequence, state, update: bytes } });
    },
    elapse: (timerId) => tell({ type: 'TimerElapsed', data: { ...about, timerId } }),
    cancel: (reason = 'The test says so.') => tell({ type: 'CancelDelivered', data: { ...about, reason } }),
    restart: () => {
      run?.abandon();
      return untilQuiet(begin);
    },
  };
};
