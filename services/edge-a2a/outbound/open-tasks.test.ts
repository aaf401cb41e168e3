import pino from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import type { EventData } from '../../../topics/index.ts';
import { newId } from '../../runtime/event.ts';
import { createMemoryLog, MemoryCluster } from '../../runtime/memory-log.ts';
import { requestForTests } from '../../runtime/request-for-tests.ts';
import { followOpenTasks } from './open-tasks.ts';

test('a record that lands late, after later ones of its task, leads nothing back', async () => {
  const log = await createMemoryLog(new MemoryCluster());
  const tasks = await followOpenTasks(log, pino({ level: 'silent' }), () => {});
  onTestFinished(async () => {
    await tasks.close();
    await log.crash();
  });
  const { subject } = requestForTests({});
  const said = async (taskId: string, sequence: number, state: string) => {
    const data: EventData['TaskSnapshot'] = {
      ...{ taskId, contextId: 'acme:c1', agent: 'helper', subject, state, sequence, createdAt: 0, updatedAt: 0 },
      ...{ parentTaskId: '', turn: null, remote: { taskId: 'theirs', contextId: '' }, status: '', artifacts: {} },
      ...{ messages: [], pending: null, requestId: 'r1', turnSequence: 0, reported: 0 },
    };
    const envelope = { id: newId(), source: 'task-state', time: 0, correlationId: 'r1', causationId: '' };
    await log.append([{ ...envelope, type: 'TaskSnapshot', key: `acme:c1/${taskId}`, traceparent: '', data }]);
  };
  await said('ended', 2, 'TASK_STATE_COMPLETED');
  await said('ended', 0, 'TASK_STATE_SUBMITTED');
  await said('open', 2, 'TASK_STATE_INPUT_REQUIRED');
  await said('open', 1, 'TASK_STATE_WORKING');
  await said('last', 1, 'TASK_STATE_WORKING');
  await expect.poll(() => tasks.all().some(({ taskId }) => taskId === 'last')).toBe(true);
  expect(tasks.of('ended')).toBeUndefined();
  expect(tasks.of('open')?.state).toBe('TASK_STATE_INPUT_REQUIRED');
});
