/** One task with the agent under test, in the words of the conventions of docs/a2a-over-kafka.md. */
import { newId } from '../services/runtime/event.ts';
import type { EventData } from '../topics/index.ts';
import type { ArtifactJson, Heard, StatusJson } from './heard.ts';
import type { InboxType, Mesh } from './mesh.ts';
import type { OutgoingRecord } from './topics.ts';

const HOUR_MS = 3_600_000;
const terminal = ['COMPLETED', 'FAILED', 'CANCELED', 'REJECTED'].map((state) => `TASK_STATE_${state}`);
export const isTerminal = (state: string): boolean => terminal.includes(state);

/** The status that a report says; undefined where it says none. */
export const statusOf = ({ json }: Heard): StatusJson | undefined => json?.statusUpdate?.status ?? json?.task?.status;
/** The artifacts that a report says. */
export const artifactsOf = ({ json }: Heard): ArtifactJson[] =>
  json?.artifactUpdate?.artifact ? [json.artifactUpdate.artifact] : (json?.task?.artifacts ?? []);
export const textOf = ({ parts = [] }: { parts?: { text?: string }[] }): string =>
  parts.map(({ text }) => text ?? '').join('');

/** Leaves out what has an id that was there before: a repetition is no second statement. */
const distinct = (records: readonly Heard[]): Heard[] => {
  const ids = new Set<string>();
  return records.filter(({ id }) => !ids.has(id) && ids.add(id));
};

export interface Conversation {
  readonly taskId: string;
  readonly contextId: string;
  /** Says something to the agent: begins the task, or goes on with it. @returns the record, acknowledged. */
  say(text: string, extra?: object): Promise<OutgoingRecord>;
  /** The record of saying it, not delivered yet. */
  saying(text: string, extra?: object): OutgoingRecord;
  /** Its data. */
  message(text: string, extra?: object): EventData['MessageDelivered'];
  /** Tells the agent something else about the task. */
  tell<T extends Exclude<InboxType, 'MessageDelivered'>>(
    type: T,
    data: Omit<EventData[T], 'agent' | 'taskId'>,
  ): Promise<OutgoingRecord>;
  /** What the agent said of the task, each statement once. */
  said(): Heard[];
  /** Its calls and timers. */
  calls(): Partial<EventData['AgentCalled']>[];
  timers(): Partial<EventData['AgentSlept']>[];
  /** States that it reported, in order. */
  states(): string[];
  /** Texts of its artifacts, in order. */
  artifacts(): string[];
  /** Texts of status messages, in order. */
  remarks(): string[];
  /** Waits for a state. @throws where the task ends in another. */
  reaches(state: string): Promise<void>;
  /** Waits for an AgentCalled; the last of them. */
  calling(count?: number): Promise<Partial<EventData['AgentCalled']>>;
  /** Waits for an AgentSlept. */
  sleeping(): Promise<Partial<EventData['AgentSlept']>>;
}

/** A new task. @param contextId of a conversation that it belongs to; a new one without. */
export const converse = (mesh: Mesh, contextId: string = newId()): Conversation => {
  const taskId = newId();
  const { agent } = mesh.options;
  mesh.contextOf.set(taskId, contextId);
  let requestId = '';
  const said = () => distinct(mesh.heard.filter(({ data }) => data.taskId === taskId));
  const dataOf = <T extends 'AgentCalled' | 'AgentSlept'>(type: T) =>
    said()
      .filter((heard) => heard.type === type)
      .map((heard) => heard.data as Partial<EventData[T]>);
  const statuses = () => said().flatMap((heard) => statusOf(heard) ?? []);
  const message = (text: string, extra: object = {}): EventData['MessageDelivered'] => {
    const continues = requestId !== '';
    requestId = newId();
    const subject = {
      tenant: 'conformance',
      unit: 'conformance',
      agent: 'conformance-client',
      person: 'conformance@example.com',
      credential: 'conformance',
      actors: [],
    };
    const deadline = Date.now() + HOUR_MS;
    const said = { messageId: newId(), contextId, taskId, role: 'ROLE_USER', parts: [{ text }], ...extra };
    const request = Buffer.from(JSON.stringify({ message: said }));
    return { agent, taskId, contextId, requestId, subject, continues, deadline, request };
  };
  const saying = (text: string, extra?: object) => {
    const data = message(text, extra);
    return mesh.record('MessageDelivered', contextId, data, data.requestId);
  };
  const states = () => statuses().map((status) => String(status.state));
  return {
    taskId,
    contextId,
    message,
    saying,
    say: async (text, extra) => {
      const record = saying(text, extra);
      await mesh.deliver(record);
      return record;
    },
    tell: async (type, data) => {
      const whole = { agent, taskId, ...data } as unknown as EventData[typeof type];
      const record = mesh.record(type, contextId, whole, requestId);
      await mesh.deliver(record);
      return record;
    },
    said,
    calls: () => dataOf('AgentCalled'),
    timers: () => dataOf('AgentSlept'),
    states,
    artifacts: () => said().flatMap(artifactsOf).map(textOf),
    remarks: () => statuses().flatMap(({ message }) => (message ? [textOf(message)] : [])),
    reaches: async (state) => {
      await mesh.until(`the task to be ${state}`, () => {
        const found = states();
        const end = found.find(isTerminal);
        if (end !== undefined && end !== state) throw new Error(`the task ended as ${end}, not ${state}`);
        return found.includes(state);
      });
    },
    calling: (count = 1) =>
      mesh.until(`AgentCalled ${count}`, () => dataOf('AgentCalled').length >= count && dataOf('AgentCalled').at(-1)),
    sleeping: () => mesh.until('AgentSlept', () => dataOf('AgentSlept').at(-1)),
  };
};
