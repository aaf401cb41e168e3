import { Message, StreamResponse, Task, TaskState } from '@a2a-js/sdk';
import { InMemoryTaskStore, ResultManager, ServerCallContext } from '@a2a-js/sdk/server';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applyUpdate } from './apply-update.ts';
import { type Update, writeTask, writeUpdate } from './json.ts';
import { rewriteIds } from './rewrite-ids.ts';
import { endsTurn, isInterrupted, isTerminal, nameOfState, stateOfName } from './states.ts';
import { tasks, updates } from './tasks-for-tests.ts';

test('a view that folds updates has what a server of the SDK has', async () => {
  const ofSdk = updates.filter(({ $case }) => $case !== 'message');
  await fc.assert(
    fc.asyncProperty(tasks, fc.array(ofSdk, { maxLength: 6 }), async (task, list) => {
      const store = new InMemoryTaskStore();
      const context = new ServerCallContext();
      const manager = new ResultManager(store, context);
      let ours = task;
      const process = ({ $case, value }: Update) =>
        manager.processEvent({ kind: $case, data: value } as Parameters<typeof manager.processEvent>[0]);
      await process({ $case: 'task', value: task });
      for (const update of list) {
        // What may follow on an end is for task-state to judge.
        if (ours.status && isTerminal(ours.status.state)) break;
        await process(update);
        ours = applyUpdate(ours, update);
      }
      // Its clones of bytes are no Buffers any more.
      expect(Task.toJSON(ours)).toEqual(Task.toJSON((await store.load('task', context))!));
    }),
  );
});

test('changes nothing that it is given, and makes no task of what is none', () => {
  fc.assert(
    fc.property(tasks, updates, (task, update) => {
      const written = () => [writeTask(task), writeUpdate(update)].join();
      const before = written();
      const after = applyUpdate(task, update);
      expect(written()).toBe(before);
      expect(after.id).toBe('task');
      expect(applyUpdate(undefined, update)).toEqual(update.$case === 'task' ? update.value : undefined);
    }),
  );
});

test('what is appended to an artifact may name it anew', () => {
  const artifact = { artifactId: 'a', name: 'old', description: 'old', parts: [], metadata: { k: 1 }, extensions: [] };
  const task = {
    id: 'task',
    contextId: 'context',
    status: undefined,
    artifacts: [artifact],
    history: [],
    metadata: undefined,
  };
  const more = { ...artifact, name: 'new', description: '', metadata: { l: 2 } };
  const value = {
    taskId: 'task',
    contextId: 'context',
    artifact: more,
    append: true,
    lastChunk: true,
    metadata: undefined,
  };
  expect(applyUpdate(task, { $case: 'artifactUpdate', value }).artifacts).toEqual([
    { ...artifact, name: 'new', metadata: { k: 1, l: 2 } },
  ]);
});

test('a message is in the history once', () => {
  fc.assert(
    fc.property(tasks, updates, (task, update) => {
      if (update.$case !== 'message') return;
      const once = applyUpdate(task, update);
      expect(once.history).toEqual([...task.history, update.value]);
      expect(applyUpdate(once, update)).toEqual(once);
    }),
  );
});

test('ids are replaced wherever an update names its task', () => {
  fc.assert(
    fc.property(updates, (update) => {
      const text = writeUpdate(rewriteIds(update, { taskId: 'T', contextId: 'C' })).toString();
      expect(text).not.toMatch(/"(id|taskId|contextId)":"(task|context)"/);
      const back = rewriteIds(StreamResponse.fromJSON(JSON.parse(text)).payload!, {
        taskId: 'task',
        contextId: 'context',
      });
      expect(back).toEqual(update);
    }),
  );
});

test('states have names, and the ends are ends', () => {
  const all = [1, 2, 3, 4, 5, 6, 7, 8] as TaskState[];
  expect(all.map((state) => stateOfName(nameOfState(state)))).toEqual(all);
  expect(stateOfName('none')).toBe(TaskState.UNRECOGNIZED);
  expect(all.filter(isTerminal).map(nameOfState)).toEqual([
    'TASK_STATE_COMPLETED',
    'TASK_STATE_FAILED',
    'TASK_STATE_CANCELED',
    'TASK_STATE_REJECTED',
  ]);
  expect(all.filter(isInterrupted).map(nameOfState)).toEqual(['TASK_STATE_INPUT_REQUIRED', 'TASK_STATE_AUTH_REQUIRED']);
  expect(all.filter(endsTurn)).toHaveLength(6);
});

test('a question that comes twice is there once; one that bears the id of another is another', () => {
  const asked = (text: string): Update => ({
    $case: 'message',
    value: Message.fromJSON({ messageId: 'm1', role: 'ROLE_USER', parts: [{ text }] }),
  });
  const begun = Task.fromJSON({ id: 't', contextId: 'c', status: { state: 'TASK_STATE_INPUT_REQUIRED' } });
  const { history } = [asked('one'), asked('one'), asked('two')].reduce((task, one) => applyUpdate(task, one), begun);
  expect(history.map(({ parts }) => parts[0]?.content?.value)).toEqual(['one', 'two']);
});
