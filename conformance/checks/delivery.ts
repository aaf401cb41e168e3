/** D, K2: what is delivered again, and what an agent does that was killed. */
import { type Check, must, mustEqual, type RestartCheck } from '../check.ts';
import { type Conversation, converse } from '../conversation.ts';
import type { Mesh } from '../mesh.ts';
import type { OutgoingRecord } from '../topics.ts';
import { answer } from './calls.ts';
import { echoes } from './tasks.ts';

/** Delivers it again, and sees that nothing comes of it. */
const again = async (mesh: Mesh, task: Conversation, record: OutgoingRecord): Promise<void> => {
  const before = task.said().length;
  await mesh.deliver(record);
  await echoes(mesh, task.contextId);
  mustEqual(task.said().length, before, 'statements about the task');
};

export const deliveryChecks: Check[] = [
  {
    rule: 'D1',
    what: 'a message twice in a row',
    run: async (mesh) => {
      const task = converse(mesh);
      const record = task.saying('call-llm once');
      await mesh.deliver(record);
      await mesh.deliver(record);
      const { callId } = await task.calling();
      await echoes(mesh, task.contextId);
      mustEqual(task.calls().length, 1, 'calls');
      await answer(task, callId!, 'one');
      await task.reaches('TASK_STATE_COMPLETED');
    },
  },
  {
    rule: 'D1',
    what: 'a message while the agent waits for the user, and after the end',
    run: async (mesh) => {
      const task = converse(mesh);
      const first = await task.say('ask');
      await task.reaches('TASK_STATE_INPUT_REQUIRED');
      await again(mesh, task, first);
      const second = await task.say('blue');
      await task.reaches('TASK_STATE_COMPLETED');
      await again(mesh, task, first);
      await again(mesh, task, second);
    },
  },
  {
    rule: 'D1',
    what: 'the answer of a call',
    run: async (mesh) => {
      const task = converse(mesh);
      await task.say('call-llm once');
      const { callId } = await task.calling();
      const record = await answer(task, callId!, 'one');
      await task.reaches('TASK_STATE_COMPLETED');
      await again(mesh, task, record);
    },
  },
];

export const restartChecks: RestartCheck[] = [
  {
    rule: 'D1',
    what: 'a message after the end, by an agent that was killed since',
    run: async (mesh, agent) => {
      const task = converse(mesh);
      const record = await task.say('echo once and for all');
      await task.reaches('TASK_STATE_COMPLETED');
      await agent.kill();
      agent.start();
      await again(mesh, task, record);
    },
  },
  {
    rule: 'D3',
    what: 'a task that waits for the user',
    run: async (mesh, agent) => {
      const task = converse(mesh);
      const first = await task.say('ask');
      await task.reaches('TASK_STATE_INPUT_REQUIRED');
      await agent.kill();
      agent.start();
      await echoes(mesh, task.contextId);
      await again(mesh, task, first);
      await task.say('green');
      await task.reaches('TASK_STATE_COMPLETED');
      must(task.artifacts().join().includes('green'), `the answer is not in ${JSON.stringify(task.artifacts())}`);
    },
  },
  {
    rule: 'D3',
    what: 'a task that works',
    run: async (mesh, agent) => {
      const task = converse(mesh);
      await task.say('slow 8');
      await mesh.until('progress', () => task.remarks().includes('2 of 8'));
      await agent.kill();
      agent.start();
      await task.reaches('TASK_STATE_COMPLETED');
      const steps = task.remarks().filter((remark) => remark.endsWith('of 8'));
      mustEqual(
        steps,
        [1, 2, 3, 4, 5, 6, 7, 8].map((step) => `${step} of 8`),
        'progress',
      );
    },
  },
  {
    rule: 'K2',
    what: 'a call that is open',
    run: async (mesh, agent) => {
      const task = converse(mesh);
      await task.say('call-llm over the gap');
      const { callId } = await task.calling();
      await agent.kill();
      agent.start();
      await echoes(mesh, task.contextId);
      mustEqual([...new Set(task.calls().map((call) => call.callId))], [callId], 'callIds');
      await answer(task, callId!, 'bridged');
      await task.reaches('TASK_STATE_COMPLETED');
      mustEqual(task.artifacts(), ['bridged'], 'artifacts');
    },
  },
  {
    rule: 'D3',
    what: 'answer, timer and message that come while it is not there',
    run: async (mesh, agent) => {
      const calling = converse(mesh);
      const sleeping = converse(mesh);
      const fresh = converse(mesh);
      await calling.say('call-llm are you there?');
      await sleeping.say('sleep');
      const { callId } = await calling.calling();
      const { timerId } = await sleeping.sleeping();
      await agent.kill();
      await answer(calling, callId!, 'I was');
      await sleeping.tell('TimerElapsed', { timerId: timerId! });
      await fresh.say('echo good morning');
      agent.start();
      for (const task of [calling, sleeping, fresh]) await task.reaches('TASK_STATE_COMPLETED');
      mustEqual(
        [calling, sleeping, fresh].map((task) => task.artifacts().join()),
        ['I was', 'awake', 'good morning'],
        'artifacts',
      );
    },
  },
  {
    rule: 'D3',
    what: 'killed again and again while messages come',
    run: async (mesh, agent) => {
      const tasks = Array.from({ length: 6 }, () => converse(mesh));
      for (const [i, task] of tasks.entries()) {
        await task.say(`echo number ${i}`);
        if (i % 2 === 1) {
          await agent.kill();
          agent.start();
        }
      }
      for (const task of tasks) await task.reaches('TASK_STATE_COMPLETED');
      mustEqual(
        tasks.map((task) => task.artifacts().join()),
        tasks.map((_, i) => `number ${i}`),
        'artifacts',
      );
    },
  },
  {
    rule: 'T8',
    what: 'a task that is cancelled while the agent is not there',
    run: async (mesh, agent) => {
      const task = converse(mesh);
      await task.say('slow 40');
      await mesh.until('progress', () => task.remarks().includes('2 of 40'));
      await agent.kill();
      await task.tell('CancelDelivered', { reason: 'enough' });
      agent.start();
      await echoes(mesh, task.contextId);
      const before = task.said().length;
      const clock = converse(mesh, task.contextId);
      await clock.say('slow 3');
      await clock.reaches('TASK_STATE_COMPLETED');
      mustEqual(task.said().length, before, 'reports of the cancelled task');
    },
  },
];
