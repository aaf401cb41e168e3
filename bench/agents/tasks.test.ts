import { expect, test } from 'vitest';
import { happened } from '../../services/runtime/given.ts';
import { decide, evolve, initialState } from '../../services/task-state/task-state.ts';
import { ANSWERED_MS, eventsOf, type FilledTask, saidOf, turnOf } from './tasks.ts';

const filled = (waits: boolean): FilledTask => ({
  taskId: 'task',
  contextId: 'context',
  requestId: 'request',
  asker: 'load',
  agent: 'log',
  waits,
  time: 1_760_000_000_000,
  traceparent: '',
});

/** What task-state says where the agent said that. */
const stated = (task: FilledTask) => {
  const { first, last } = saidOf(task);
  let state = initialState();
  return [first, last].flatMap((update, i) => {
    const data = {
      taskId: task.taskId,
      agent: task.agent,
      update: Buffer.from(JSON.stringify(update)),
      turn: i === 0 ? turnOf(task) : null,
      parentTaskId: '',
      remote: null,
      announced: true,
    };
    const attributes = { key: task.contextId, id: `report-${i}`, time: task.time + i * ANSWERED_MS };
    const event = happened('TaskReported', data, attributes);
    const said = decide(event, state);
    for (const one of [event, ...said]) state = evolve(state, { ...event, ...one } as Parameters<typeof evolve>[1]);
    return said;
  });
};

const inShort = (data: object) =>
  Object.fromEntries(
    Object.entries(data)
      .filter(([name]) => name !== 'reported')
      .map(([name, value]) => [name, name === 'update' ? JSON.parse(String(value)) : value]),
  );

test.each([false, true])('the log is filled with what task-state states (waits: %s)', (waits) => {
  const said = stated(filled(waits));
  const updates = said.filter(({ type }) => type === 'TaskUpdated');
  const snapshot = said.findLast(({ type }) => type === 'TaskSnapshot')!;
  const events = eventsOf(filled(waits));
  expect(events.map(({ type, data }) => [type, inShort(data)])).toEqual(
    [...updates, snapshot].map(({ type, data }) => [type, inShort(data)]),
  );
  expect(events.at(-1)?.key).toBe(snapshot.key);
});
