import { expect, test } from 'vitest';
import { handle } from '../handler.ts';
import { journalOf } from './journal.ts';
import type { Statement, Told } from './records.ts';
import { TaskRun } from './run.ts';

const about = { contextId: 'c', traceparent: '' };
const ids = { agent: 'tested', taskId: 't' };
const subject = { tenant: '', unit: '', agent: 'someone', person: '', credential: '', actors: [] };
const request = Buffer.from(JSON.stringify({ message: { messageId: 'm', role: 'ROLE_USER', parts: [] } }));
const turn = { contextId: 'c', requestId: 'r', subject, continues: false, deadline: 9, request };
const message: Told = { ...about, id: '1', type: 'MessageDelivered', data: { ...ids, ...turn } };
const cancel: Told = { ...about, id: '2', type: 'CancelDelivered', data: { ...ids, reason: 'enough' } };

test('a task that was cancelled while the agent was away says nothing', async () => {
  const said: Statement[] = [];
  const caught: string[] = [];
  await new Promise<void>((quiet) =>
    new TaskRun({
      agent: 'tested',
      journal: journalOf([message, cancel], []),
      handle: handle(
        async (_, ctx) => {
          await ctx.progress('at work').catch((error: Error) => caught.push(error.message));
          return 'done';
        },
        () => {},
      ),
      append: async (statements) => void said.push(...statements),
      now: () => 1,
      quiet,
    }).start(),
  );
  expect(said).toEqual([]);
  expect(caught).toEqual(['enough']);
});
