import { expect, test } from 'vitest';
import { rehearse } from '../../agent-sdk/testing.ts';
import { agent } from './agent.ts';

test('it asks a model, then the person, and goes on after a crash', async () => {
  const task = rehearse(agent);
  const [called] = await task.message('What is a log?');
  expect(called).toMatchObject({ call: 'c0', action: 'model.chat', of: 'example-small' });
  const said = 'A list that only grows.';
  const asked = await task.answer('c0', { choices: [{ message: { role: 'assistant', content: said } }] });
  expect(asked).toEqual([{ state: 'TASK_STATE_INPUT_REQUIRED', text: `${said}\nWill that do?` }]);
  expect(await task.restart()).toEqual([]);
  expect((await task.message('Yes.')).at(-1)).toEqual({ state: 'TASK_STATE_COMPLETED', text: said });
});
