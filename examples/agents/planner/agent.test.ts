import { expect, test } from 'vitest';
import { rehearse } from '../../../agent-sdk/testing.ts';
import { agent } from './agent.ts';

test('it plans, has facts found and asks', async () => {
  const task = rehearse(agent);
  await task.message('A picnic');
  const [, sent] = await task.answer('c0', { choices: [{ message: { role: 'assistant', content: 'Go out.' } }] });
  expect(sent).toMatchObject({ call: 'c2', action: 'agent.send', of: 'researcher' });
  const status = { state: 'TASK_STATE_COMPLETED' as const };
  const artifacts = [{ artifactId: 'a', parts: [{ text: 'It is sunny.' }] }];
  const found = { task: { id: 'child', contextId: 'c', status, artifacts } };
  const [plan, question] = await task.update('c2', 'TASK_STATE_COMPLETED', found);
  expect(plan).toMatchObject({ artifact: { name: 'plan', parts: [{ text: 'Go out.\n\nIt is sunny.' }] } });
  expect(question).toEqual({ state: 'TASK_STATE_INPUT_REQUIRED', text: 'Is this what you need?' });
  expect(await task.message('Yes')).toContainEqual({ state: 'TASK_STATE_COMPLETED', text: 'Here is your plan.' });
});
