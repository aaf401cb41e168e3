/** What reaches agents over HTTP is what was asked, and what is said of their tasks in the end is how they have them. */
import type { LoggedRecord, Violation } from '../invariants/index.ts';
import { firstOfEach, ofTypes } from '../invariants/reading.ts';
import { lastSnapshots, updatesOf } from '../invariants/tasks.ts';
import type * as mesh from '../schemas/generated.ts';
import { applyUpdate } from '../services/runtime/a2a/apply-update.ts';
import { readSendMessage, readUpdate } from '../services/runtime/a2a/json.ts';
import type { HttpAgent, Sent } from './http-agent.ts';

const textOf = (parts: readonly { content?: { $case: string; value?: unknown } | undefined }[]) =>
  parts.map(({ content }) => (content?.$case === 'text' ? String(content.value) : '')).join('');

const asked = ({ message }: Pick<mesh.Request, 'message'>) => {
  const { messageId, parts, taskId } = readSendMessage(message).message!;
  return { messageId, text: textOf(parts), continues: taskId !== '' };
};

/** @param remotes how each task of the mesh is named by its agent. */
const wrongWith = (
  { message }: Sent,
  request: mesh.Request,
  remotes: ReadonlyMap<string, string>,
): string | undefined => {
  const { messageId, text, continues } = asked(request);
  const said = (message.parts ?? []).map((part) => (part as { text?: string }).text ?? '').join('');
  if (message.messageId !== messageId || said !== text) return 'the agent was told something else than the client said';
  const named = continues ? remotes.get(request.taskId) : '';
  return (message.taskId ?? '') === named ? undefined : `the agent was told of ${message.taskId} instead of ${named}`;
};

const sameMessages = (agents: readonly HttpAgent[], records: readonly LoggedRecord[]): Violation[] => {
  const dispatches = new Map(records.map((record) => [record.id, record]));
  const remotes = new Map([...lastSnapshots(records)].map(([id, { data }]) => [id, data.remote?.taskId ?? '']));
  return agents.flatMap(({ sent }) =>
    sent.flatMap((one) => {
      const dispatch = dispatches.get(one.dispatchId);
      if (dispatch?.type !== 'RequestDispatched') return [];
      const { request } = dispatch.data;
      const message = wrongWith(one, request, remotes);
      return message
        ? [{ invariant: 'message whole', contextId: request.contextId, requestId: request.id, message }]
        : [];
    }),
  );
};

const sameTasks = (agents: readonly HttpAgent[], records: readonly LoggedRecord[]): Violation[] => {
  const events = firstOfEach(records);
  const updates = updatesOf(records);
  const failed = new Set(ofTypes(events, 'ResponseFailed').map(({ correlationId }) => correlationId));
  /** What became of these at their agents is not known, and said to be so. */
  const unknown = new Set(
    ofTypes(events, 'RequestReceived').flatMap(({ correlationId, data: { request } }) =>
      failed.has(correlationId) ? [request.taskId] : [],
    ),
  );
  return [...lastSnapshots(records).values()].flatMap(({ data }) => {
    const { agent, remote, taskId, contextId, state, turn, requestId } = data;
    const own = agents.find(({ name }) => name === agent)?.ever.get(remote?.taskId ?? '');
    if (!own) return [];
    const wrong = (message: string) => [
      { invariant: 'as its agent has it', contextId, requestId: requestId ?? '', message: `task ${taskId} ${message}` },
    ];
    if (state === 'TASK_STATE_COMPLETED') {
      if (own.state !== 'COMPLETED') return wrong(`is completed, and at its agent ${own.state}`);
      const told = (updates.get(taskId) ?? []).map(({ data: { update } }) => readUpdate(update));
      const task = told.reduce<ReturnType<typeof applyUpdate>>((known, one) => applyUpdate(known, one), undefined);
      const text = textOf((task?.artifacts ?? []).flatMap(({ parts }) => parts));
      return text === own.pieces.join('') ? [] : wrong(`says "${text}", and at its agent "${own.pieces.join('')}"`);
    }
    const waits = state === 'TASK_STATE_INPUT_REQUIRED' || state === 'TASK_STATE_AUTH_REQUIRED';
    return waits && !turn && own.state === 'COMPLETED' && !own.wentOn && !unknown.has(taskId)
      ? wrong('waits for a message, and is completed at its agent')
      : [];
  });
};

export const agentsTruth = (agents: readonly HttpAgent[], records: readonly LoggedRecord[]): Violation[] => [
  ...sameMessages(agents, records),
  ...sameTasks(agents, records),
];
