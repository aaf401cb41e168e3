import { TaskState } from '@a2a-js/sdk';
import { expect, test } from 'vitest';
import { writeUpdate } from '../../runtime/a2a/json.ts';
import type { TaskChange } from '../view/changes.ts';
import { askAgent } from './ask-agent.ts';

type Mesh = Parameters<typeof askAgent>[0];

const completed = { state: TaskState.TASK_STATE_COMPLETED, message: undefined, timestamp: undefined };
const task = { id: 't', contextId: 'c', status: completed, artifacts: [], history: [], metadata: undefined };
const update = { $case: 'task', value: task } as const;

test('a turn that is over is listened to no more, also where its outcome came first', async () => {
  const listened = new Set(['changes', 'outcomes']);
  async function* hear(what: string, ...said: unknown[]) {
    try {
      yield* said;
      await new Promise(() => {});
    } finally {
      listened.delete(what);
    }
  }
  const change = { update, known: { task } } as unknown as TaskChange;
  const outcome = { type: 'ResponseCompleted', data: { message: writeUpdate(update) } };
  const mesh = {
    view: { hear: () => hear('changes', change) },
    asker: { ask: () => hear('outcomes', outcome) },
  } as unknown as Mesh;
  const visitor = { signal: new AbortController().signal, end: () => {} };
  for await (const step of askAgent(mesh, [], 'r', visitor)) expect(step).toEqual({ change });
  expect([...listened]).toEqual([]);
});
