/** K: how the agent calls models and other agents, and sleeps. */
import { newId } from '../../services/runtime/event.ts';
import type { EventData } from '../../topics/index.ts';
import { type Check, must, mustEqual } from '../check.ts';
import { type Conversation, converse, isTerminal } from '../conversation.ts';
import type { Mesh } from '../mesh.ts';
import { echoes } from './tasks.ts';

const MODEL = 'conformance';

const completion = (content: string): Buffer =>
  Buffer.from(
    JSON.stringify({
      id: 'chatcmpl-conformance',
      object: 'chat.completion',
      created: 0,
      model: MODEL,
      choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    }),
  );

/** Answers a call of a model. */
export const answer = (task: Conversation, callId: string, content: string) =>
  task.tell('CallAnswered', { callId, outcome: 'COMPLETED', status: 200, reason: '', message: completion(content) });

const fails = (task: Conversation, callId: string, outcome: EventData['CallAnswered']['outcome'], status: number) =>
  task.tell('CallAnswered', { callId, outcome, status, reason: 'for the test', message: Buffer.alloc(0) });

/** A child task that ends in a state at once. */
const childEnds = async (task: Conversation, callId: string, state: string, text: string) => {
  const childTaskId = newId();
  const ids = { taskId: childTaskId, contextId: task.contextId };
  const update = async (sequence: number, now: string, json: object) => {
    const bytes = Buffer.from(JSON.stringify(json));
    return task.tell('CallUpdated', { callId, childTaskId, sequence, state: now, update: bytes });
  };
  const submitted = 'TASK_STATE_SUBMITTED';
  await update(1, submitted, { task: { id: childTaskId, contextId: task.contextId, status: { state: submitted } } });
  const artifact = { artifactId: newId(), parts: [{ text }] };
  await update(2, submitted, { artifactUpdate: { ...ids, artifact, lastChunk: true } });
  await update(3, state, { statusUpdate: { ...ids, status: { state } } });
};

const called = async (mesh: Mesh, text: string) => {
  const task = converse(mesh);
  await task.say(text);
  return { task, call: await task.calling() };
};

export const callChecks: Check[] = [
  {
    rule: 'K1',
    what: 'a call of a model',
    run: async (mesh) => {
      const { task, call } = await called(mesh, 'call-llm what is a log?');
      mustEqual([call.action, call.protocol], ['model.chat', 'openai.chat'], 'action and protocol');
      mustEqual([call.resource?.type, call.resource?.id], ['model', MODEL], 'resource');
      must(Boolean(call.callId), 'no callId');
      must(call.deadline! > Date.now(), 'the deadline has passed');
      const body = JSON.parse(String(call.message));
      mustEqual([body.model, body.messages.at(-1)?.content], [MODEL, 'what is a log?'], 'model and message');
      must(!body.stream, 'it asked for a stream');
      await answer(task, call.callId!, 'a list');
      await task.reaches('TASK_STATE_COMPLETED');
      mustEqual(task.artifacts(), ['a list'], 'artifacts');
    },
  },
  ...(['DENIED', 'UNROUTABLE', 'FAILED'] as const).map(
    (outcome): Check => ({
      rule: 'K3',
      what: `a call that ends as ${outcome}`,
      run: async (mesh) => {
        const { task, call } = await called(mesh, 'call-llm please');
        await fails(task, call.callId!, outcome, outcome === 'FAILED' ? 502 : 0);
        await task.reaches('TASK_STATE_FAILED');
      },
    }),
  ),
  {
    rule: 'K4',
    what: 'a task at another agent that completes',
    run: async (mesh) => {
      const { task, call } = await called(mesh, 'call-agent other good day');
      mustEqual([call.action, call.protocol], ['agent.send', 'a2a'], 'action and protocol');
      mustEqual([call.resource?.type, call.resource?.id], ['agent', 'other'], 'resource');
      const { message } = JSON.parse(String(call.message));
      mustEqual([message?.parts?.[0]?.text, message?.taskId || ''], ['good day', ''], 'text and taskId of its message');
      await childEnds(task, call.callId!, 'TASK_STATE_COMPLETED', 'and to you');
      await task.reaches('TASK_STATE_COMPLETED');
      mustEqual(task.artifacts(), ['and to you'], 'artifacts');
    },
  },
  {
    rule: 'K4',
    what: 'a task at another agent that fails',
    run: async (mesh) => {
      const { task, call } = await called(mesh, 'call-agent other good day');
      await childEnds(task, call.callId!, 'TASK_STATE_FAILED', 'half a day');
      await task.reaches('TASK_STATE_FAILED');
    },
  },
  {
    rule: 'K5',
    what: 'a timer',
    run: async (mesh) => {
      const task = converse(mesh);
      await task.say('sleep');
      const { timerId, at } = await task.sleeping();
      must(Boolean(timerId) && Number.isFinite(at), 'no timerId or no instant');
      await echoes(mesh, task.contextId);
      must(!task.states().some(isTerminal), 'it did not wait');
      await task.tell('TimerElapsed', { timerId: timerId! });
      await task.reaches('TASK_STATE_COMPLETED');
      mustEqual(task.artifacts(), ['awake'], 'artifacts');
    },
  },
  {
    rule: 'K6',
    what: 'a call that is returned',
    run: async (mesh) => {
      const { task, call } = await called(mesh, 'call-llm please');
      await task.tell('ReportReturned', { reason: 'TOO_MANY', message: 'for the test', callId: call.callId! });
      await task.reaches('TASK_STATE_FAILED');
      mustEqual(task.calls().length, 1, 'calls');
    },
  },
  {
    rule: 'K6',
    what: 'a report that is returned',
    run: async (mesh) => {
      const task = converse(mesh);
      await task.say('echo too late');
      await task.reaches('TASK_STATE_COMPLETED');
      const before = task.said().length;
      await task.tell('ReportReturned', { reason: 'TASK_ENDED', message: 'for the test', callId: '' });
      await echoes(mesh, task.contextId);
      mustEqual(task.said().length, before, 'reports of the task');
    },
  },
];
