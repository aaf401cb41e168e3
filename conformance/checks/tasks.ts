/** T: how the agent deals with tasks. */
import { type Check, must, mustEqual } from '../check.ts';
import { converse, isTerminal } from '../conversation.ts';
import type { Mesh } from '../mesh.ts';

/** How much of a slow task is seen before something is done to it. */
const SOME_STEPS = 2;
const ENOUGH_STEPS = 40;

const stepsOf = (remarks: readonly string[]) => remarks.filter((remark) => /^\d+ of \d+$/.test(remark));

/** An echo that came back: the agent has read all that was delivered before in this conversation. */
export const echoes = async (mesh: Mesh, contextId?: string): Promise<void> => {
  const marker = converse(mesh, contextId);
  await marker.say('echo still there');
  await marker.reaches('TASK_STATE_COMPLETED');
};

export const firstCheck: Check = {
  rule: 'T1',
  what: 'echo',
  run: async (mesh) => {
    const task = converse(mesh);
    await task.say('echo hello, log');
    await task.reaches('TASK_STATE_COMPLETED');
  },
};

export const taskChecks: Check[] = [
  {
    rule: 'T2',
    what: 'an artifact, then COMPLETED',
    run: async (mesh) => {
      const task = converse(mesh);
      await task.say('echo first things first');
      await task.reaches('TASK_STATE_COMPLETED');
      mustEqual(task.artifacts(), ['first things first'], 'artifacts');
    },
  },
  {
    rule: 'T2',
    what: 'progress of long work',
    run: async (mesh) => {
      const task = converse(mesh);
      await task.say('slow 3');
      await task.reaches('TASK_STATE_COMPLETED');
      mustEqual(stepsOf(task.remarks()), ['1 of 3', '2 of 3', '3 of 3'], 'progress');
      mustEqual(task.artifacts(), ['done'], 'artifacts');
    },
  },
  {
    rule: 'T4',
    what: 'INPUT_REQUIRED, an answer, COMPLETED',
    run: async (mesh) => {
      const task = converse(mesh);
      await task.say('ask');
      await task.reaches('TASK_STATE_INPUT_REQUIRED');
      must(task.remarks().at(-1) !== undefined, 'it asked without a question');
      await task.say('forty-two');
      await task.reaches('TASK_STATE_COMPLETED');
      must(task.artifacts().join().includes('forty-two'), `the answer is not in ${JSON.stringify(task.artifacts())}`);
    },
  },
  {
    rule: 'T5',
    what: 'FAILED and why',
    run: async (mesh) => {
      const task = converse(mesh);
      await task.say('fail');
      await task.reaches('TASK_STATE_FAILED');
      must(Boolean(task.remarks().at(-1)), 'it did not say why');
    },
  },
  {
    rule: 'T6',
    what: 'one message, no task',
    run: async (mesh) => {
      const task = converse(mesh);
      await task.say('direct good morning');
      await mesh.until('a direct answer', () => task.said().some(({ json }) => json?.message));
      await echoes(mesh, task.contextId);
      const [answer, ...more] = task.said();
      mustEqual(more.length, 0, 'reports beside the answer');
      const { role, contextId, taskId, parts } = answer!.json!.message!;
      mustEqual([role, contextId, taskId || ''], ['ROLE_AGENT', task.contextId, ''], 'role, contextId, taskId');
      mustEqual(parts?.[0]?.text, 'good morning', 'its text');
    },
  },
  {
    rule: 'T7',
    what: 'another task of the conversation while one waits and one works',
    run: async (mesh) => {
      const waiting = converse(mesh);
      await waiting.say('ask');
      await waiting.reaches('TASK_STATE_INPUT_REQUIRED');
      const working = converse(mesh, waiting.contextId);
      await working.say(`slow ${ENOUGH_STEPS}`);
      await mesh.until('progress', () => stepsOf(working.remarks()).length > 0);
      await echoes(mesh, waiting.contextId);
      await echoes(mesh);
      must(!working.states().some(isTerminal), 'the others waited for the end of the slow one');
      await working.tell('CancelDelivered', { reason: 'enough' });
      await waiting.say('thank you');
      await waiting.reaches('TASK_STATE_COMPLETED');
    },
  },
  {
    rule: 'T8',
    what: 'nothing more is done for a cancelled task',
    run: async (mesh) => {
      const task = converse(mesh);
      await task.say(`slow ${ENOUGH_STEPS}`);
      await mesh.until('progress', () => stepsOf(task.remarks()).length >= SOME_STEPS);
      await task.tell('CancelDelivered', { reason: 'enough' });
      // Another slow one, begun after it: by its first step the cancelled one has been told, by its last it would have gone on.
      const clock = converse(mesh, task.contextId);
      await clock.say('slow 5');
      await mesh.until('progress', () => stepsOf(clock.remarks()).length > 0);
      const before = task.said().length;
      await clock.reaches('TASK_STATE_COMPLETED');
      mustEqual(task.said().length, before, 'reports of the cancelled task');
    },
  },
];
