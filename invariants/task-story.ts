/** Test support: a task of an agent on the log, as a story has it. */
import type { TaskSnapshot, Turn } from '../schemas/generated.ts';
import { artifactDigest, statusDigest } from '../services/runtime/a2a/digests.ts';
import { readUpdate, type Update } from '../services/runtime/a2a/json.ts';
import type { LoggedRecord } from './evidence.ts';
import type { Of } from './reading.ts';
import type { Story } from './story.ts';

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const decision = { configurationVersion: 'v1', policies: ['all'], reason: 'permitted by all' };
const timestamp = '2026-01-01T00:00:00.000Z';
const KEY = 'c1';
const agent = 'clerk';

const stateOf = (update: Update) =>
  update.$case === 'task' || update.$case === 'statusUpdate' ? update.value.status : undefined;

export interface ToldTask {
  request: Of<'RequestReceived'>;
  dispatch: Of<'RequestDispatched'>;
  /** What the agent, or another in its name, reports; and what task-state makes of it. */
  report(update: object, by?: string): Of<'TaskUpdated'>;
  /** Its record as it is. */
  keep(change?: Partial<TaskSnapshot>): Of<'TaskSnapshot'>;
  call(callId: string): Of<'CallReported'>;
  /** The request that a call becomes. */
  calling(call: LoggedRecord, actors?: string[]): Of<'RequestReceived'>;
}

export const statusOf = (taskId: string, state: string) => ({
  statusUpdate: { taskId, contextId: KEY, status: { state: `TASK_STATE_${state}`, timestamp } },
});
export const artifactOf = (taskId: string, text: string) => ({
  artifactUpdate: { taskId, contextId: KEY, artifact: { artifactId: 'a', parts: [{ text }] } },
});

/** A task that is begun: asked for, permitted, dispatched, told to its agent and on record. */
export const beginTask = (story: Story, taskId: string, parentTaskId = ''): ToldTask => {
  const resource = { type: 'agent', id: agent };
  const request = story.request(`request of ${taskId}`, KEY, {
    action: 'agent.send',
    resource,
    protocol: 'a2a',
    taskId,
    parentTaskId,
  });
  const { subject, deadline } = request.data.request;
  const target = { id: `a2a/${agent}`, connection: `agent:${agent}`, name: agent };
  const permitted = story.permit(request);
  const dispatch = story.say(permitted, 'RequestDispatched', {
    request: request.data.request,
    decision,
    target,
    attempt: 1,
    tried: [],
    probe: false,
    reason: 'the only one',
    configurationVersion: 'v1',
  });
  const asked = { requestId: request.correlationId, subject, deadline };
  const told = { agent, taskId, contextId: KEY, ...asked, continues: false, request: json({}) };
  story.say(dispatch, 'MessageDelivered', told);
  const turn: Turn = { ...asked, action: 'agent.send', resource, target, attempt: 1, startedAt: deadline - 60_000 };

  let last: TaskSnapshot = {
    taskId,
    contextId: KEY,
    agent,
    subject,
    state: 'TASK_STATE_UNSPECIFIED',
    sequence: 0,
    createdAt: 0,
    updatedAt: 0,
    parentTaskId,
    turn,
    remote: null,
    status: '',
    artifacts: {},
    messages: [],
    pending: null,
    requestId: request.correlationId,
    turnSequence: 0,
    reported: -1,
  };
  const keep: ToldTask['keep'] = (change = {}) => {
    last = { ...last, ...change };
    return story.say(dispatch, 'TaskSnapshot', last, `${taskId} ${last.sequence} ${Object.keys(change)}`);
  };
  const report: ToldTask['report'] = (update, by = agent) => {
    const bytes = json(update);
    const sequence = last.sequence + 1;
    const data = { taskId, agent: by, update: bytes, parentTaskId, remote: null, announced: true };
    const reported = story.say(
      dispatch,
      'TaskReported',
      { ...data, turn: sequence === 1 ? turn : null },
      `${sequence}`,
    );
    const read = readUpdate(bytes);
    const status = stateOf(read);
    const name = (update as { statusUpdate?: { status: { state: string } } }).statusUpdate?.status.state;
    const state = name ?? (read.$case === 'task' ? 'TASK_STATE_SUBMITTED' : last.state);
    last = { ...last, state, sequence, ...(status ? { status: statusDigest(status) } : {}) };
    if (read.$case === 'artifactUpdate') last.artifacts = { a: artifactDigest(read.value.artifact!) };
    const { requestId } = turn;
    const updated = { taskId, agent, subject, requestId, sequence, state, update: bytes, parentTaskId };
    return story.say(reported, 'TaskUpdated', updated, 'update-0');
  };
  report({ task: { id: taskId, contextId: KEY, status: { state: 'TASK_STATE_SUBMITTED', timestamp } } });
  keep();
  const model = { action: 'model.chat', resource: { type: 'model', id: 'small' }, protocol: 'openai.chat' };
  return {
    request,
    dispatch,
    report,
    keep,
    call: (callId) => {
      const flags = { repeatable: true, streaming: false };
      const data = { taskId, agent, callId, ...model, deadline, ...flags, message: json({}) };
      return story.say(dispatch, 'CallReported', data, callId);
    },
    calling: (call, actors = [...subject.actors, subject.agent]) => {
      const { callId } = (call as Of<'CallReported'>).data;
      const id = `agent/${agent}/${taskId}/${callId}`;
      const by = { ...subject, agent, actors };
      return story.request(id, KEY, { ...model, subject: by, parentTaskId: taskId });
    },
  };
};

/** The end of a task's turn, with its usage, and the task's record. */
export const endTask = (story: Story, { request, report, keep }: ToldTask, state: string): void => {
  const { taskId, subject, action, resource } = request.data.request;
  const updated = report(statusOf(taskId, state));
  const target = { id: `a2a/${agent}`, connection: `agent:${agent}`, name: agent };
  const answer = { status: 200, headers: {}, message: updated.data.update, chunks: 0, meters: {}, estimated: false };
  const times = { startedAt: 0, firstByteAt: 0 };
  story.meter(
    story.say(updated, 'ResponseCompleted', { subject, action, resource, target, attempt: 1, ...answer, ...times }),
  );
  keep({ turn: null });
};
