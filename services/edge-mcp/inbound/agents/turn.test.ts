import { TaskState } from '@a2a-js/sdk';
import { expect, test } from 'vitest';
import { writeUpdate } from '../../../runtime/a2a/json.ts';
import { followTurn } from './turn.ts';
import type { Updated } from './updates.ts';

const completed = { state: TaskState.TASK_STATE_COMPLETED, message: undefined, timestamp: undefined };
const task = { id: 't', contextId: 'c', status: completed, artifacts: [], history: [], metadata: undefined };
const update = writeUpdate({ $case: 'task', value: task });
const last = { data: { sequence: 1, update }, time: 7 } as Updated;

test.each([
  ['over', async () => {}, { task: { id: 't' }, at: 7 }],
  ['given up', () => Promise.reject(new Error('gone')), undefined],
])('a turn that is %s is listened to no more', async (_, tell, end) => {
  let isHeard = true;
  async function* heard() {
    try {
      if (!end)
        yield { ...last, data: { ...last.data, update: writeUpdate({ $case: 'task', value: working }) } } as Updated;
      yield last;
      yield last;
    } finally {
      isHeard = false;
    }
  }
  const working = { ...task, status: { ...completed, state: TaskState.TASK_STATE_WORKING } };
  const turn = followTurn({ task: undefined, sequence: 0 }, heard(), new Promise(() => {}), tell, () => {});
  await turn.then(
    (ended) => expect(ended).toMatchObject(end!),
    (error) => expect(error.message).toBe('gone'),
  );
  expect(isHeard).toBe(false);
});
