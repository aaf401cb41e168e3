/** What an agent says, given what it is told. */
import { AgentCard, SendMessageRequest, StreamResponse } from '@a2a-js/sdk';
import { expect, test } from 'vitest';
import { wholeCard } from './card.ts';
import type { Handler } from './handler.ts';
import { CallFailed, Cancelled, Rejected } from './index.ts';
import { rehearse } from './testing.ts';

const agentOf = (handler: Handler) => ({ name: 'tested', handler });
const begin = (handler: Handler) => rehearse(agentOf(handler));
const chat = (content: string) => ({ model: 'small', messages: [{ role: 'user' as const, content }] });
const completion = (content: string) => ({ choices: [{ message: { role: 'assistant', content } }] });

test('a string ends the task, a message alone answers without one', async () => {
  expect(await begin(() => 'done').message('hello')).toEqual([{ state: 'TASK_STATE_COMPLETED', text: 'done' }]);
  expect(await begin(() => ({ message: 'hi' })).message('hello')).toEqual([{ message: 'hi' }]);
});

test('after anything was said of the task, a message is what it ends with', async () => {
  const task = begin(async (_, ctx) => {
    await ctx.progress('at work');
    return { message: 'hi' };
  });
  expect((await task.message('hello')).at(-1)).toEqual({ state: 'TASK_STATE_COMPLETED', text: 'hi' });
});

test('what a handler throws is told, and not where', async () => {
  const task = begin(() => {
    throw new Error('there is no plan');
  });
  expect(await task.message('hello')).toEqual([{ state: 'TASK_STATE_FAILED', text: 'there is no plan' }]);
});

test('what the agent does not take is rejected, and why', async () => {
  const task = begin(() => {
    throw new Rejected('not on Sundays');
  });
  expect(await task.message('hello')).toEqual([{ state: 'TASK_STATE_REJECTED', text: 'not on Sundays' }]);
});

test('an artifact comes whole, or in pieces', async () => {
  const task = begin(async (_, ctx) => {
    await ctx.progress();
    await ctx.artifact({ artifactId: 'whole', parts: 'all' });
    await ctx.artifact({ artifactId: 'long', parts: 'one', lastChunk: false });
    await ctx.artifact({ artifactId: 'long', parts: 'two', append: true, lastChunk: true });
    return undefined;
  });
  const artifact = (artifactId: string, text: string) => ({ artifactId, parts: [{ text }] });
  expect(await task.message('go')).toEqual([
    { state: 'TASK_STATE_WORKING', text: '' },
    { artifact: artifact('whole', 'all'), append: false, lastChunk: true },
    { artifact: artifact('long', 'one'), append: false, lastChunk: false },
    { artifact: artifact('long', 'two'), append: true, lastChunk: true },
    { state: 'TASK_STATE_COMPLETED', text: '' },
  ]);
});

test('a denied call says why', async () => {
  const caught: unknown[] = [];
  const task = begin(async (_, ctx) => {
    await ctx.tool('weather', { at: 'home' }).catch((error) => caught.push(error));
    await ctx.llm(chat('hello'));
    return 'never';
  });
  expect(await task.message('go')).toMatchObject([{ call: 'c0', action: 'tool.call', of: 'weather' }]);
  await task.answer('c0', undefined, { outcome: 'UNROUTABLE', reason: 'nothing serves tools' });
  const ended = await task.answer('c1', undefined, { outcome: 'DENIED', reason: 'not for tests' });
  expect(caught[0]).toMatchObject({ name: 'CallFailed', outcome: 'UNROUTABLE', reason: 'nothing serves tools' });
  expect(caught[0]).toBeInstanceOf(CallFailed);
  expect(ended).toEqual([
    { state: 'TASK_STATE_FAILED', text: "model.chat of model 'small' was denied: not for tests" },
  ]);
});

test("a tool's result is given whole, what the tool failed at too; where the server refused the call is thrown", async () => {
  const found: unknown[] = [];
  const task = begin(async (_, ctx) => {
    found.push(await ctx.tool('files/read', { path: '/a' }), await ctx.tool('files/list'));
    await ctx.tool('files/gone');
    return 'never';
  });
  const [first] = await task.message('go');
  expect(first).toEqual({
    call: 'c0',
    action: 'tool.call',
    of: 'files/read',
    message: { arguments: { path: '/a' } },
  });
  const read = { content: [{ type: 'text', text: 'A' }], structuredContent: { lines: 1 }, _meta: { 'x/y': 1 } };
  expect(await task.answer('c0', { result: read })).toMatchObject([{ of: 'files/list', message: { arguments: {} } }]);
  const failed = { content: [{ type: 'text', text: 'no such directory' }], isError: true };
  await task.answer('c1', { result: failed });
  expect(found).toEqual([read, failed]);
  expect(await task.answer('c2', { error: { code: -32_602, message: 'Unknown tool: gone' } })).toEqual([
    { state: 'TASK_STATE_FAILED', text: 'the call of tool files/gone failed: Unknown tool: gone' },
  ]);
});

test('an answer with a status of an error is one', async () => {
  const task = begin(async (_, ctx) => (await ctx.llm(chat('hello'))).text);
  await task.message('go');
  const ended = await task.answer('c0', { error: { message: 'too long' } }, { outcome: 'COMPLETED', status: 400 });
  expect(ended).toMatchObject([{ state: 'TASK_STATE_FAILED', text: expect.stringContaining('too long') }]);
});

test('a cancelled task says nothing more, and its code is told', async () => {
  let caught: unknown;
  let aborted = false;
  const task = begin(async (_, ctx) => {
    try {
      await ctx.sleep('3d');
    } catch (error) {
      caught = error;
      aborted = ctx.signal.aborted;
      await ctx.progress('cleaning up').catch(() => {});
    }
    return 'never';
  });
  expect(await task.message('go')).toMatchObject([{ sleeps: 't0' }]);
  expect(await task.cancel('enough')).toEqual([]);
  expect(caught).toBeInstanceOf(Cancelled);
  expect(caught).toMatchObject({ message: 'enough' });
  expect(aborted).toBe(true);
});

test('a cancel is heard after a crash too', async () => {
  const caught: string[] = [];
  const task = begin(async (_, ctx) => {
    await ctx.sleep('3d').catch((error: Error) => caught.push(error.name));
    return 'never';
  });
  await task.message('go');
  await task.restart();
  expect(await task.cancel()).toEqual([]);
  expect(caught).toEqual(['Cancelled']);
});

test('a question takes the message that comes after it, and not one that nobody had asked for', async () => {
  const task = begin(async (_, ctx) => {
    await ctx.llm(chat('think'));
    const { text } = await ctx.ask('Shall I delete it?');
    return `${text}; heard: ${ctx.messages.map((message) => message.text).join(', ')}`;
  });
  await task.message('go');
  expect(await task.message('yes, and hurry')).toEqual([]);
  await task.answer('c0', completion('hm'));
  await task.restart();
  const said = await task.message('no');
  expect(said).toEqual([
    { state: 'TASK_STATE_WORKING', text: '' },
    { state: 'TASK_STATE_COMPLETED', text: 'no; heard: go, yes, and hurry, no' },
  ]);
});

test('another agent is waited for until its turn ends, and can be answered', async () => {
  const task = begin(async (_, ctx) => {
    const first = await ctx.agent('other').send('find it');
    if (!('status' in first)) return 'no task';
    const second = await ctx.agent('other').send('the red one', { taskId: first.id });
    return 'status' in second ? `${second.status.state} ${second.history?.length}` : 'no task';
  });
  await task.message('go');
  const status = (state: string, id: string) => ({
    statusUpdate: { taskId: id, contextId: 'c', status: { state: `TASK_STATE_${state}` as 'TASK_STATE_WORKING' } },
  });
  const working = { state: 'TASK_STATE_WORKING' as const };
  await task.update('c0', 'TASK_STATE_WORKING', { task: { id: 'child', contextId: 'c', status: working } });
  const [answered] = await task.update('c0', 'TASK_STATE_INPUT_REQUIRED', status('INPUT_REQUIRED', 'child'));
  expect(answered).toMatchObject({
    call: 'c1',
    message: { message: { taskId: 'child', parts: [{ text: 'the red one' }] } },
  });
  expect(await task.update('c1', 'TASK_STATE_COMPLETED', status('COMPLETED', 'child'))).toEqual([
    { state: 'TASK_STATE_COMPLETED', text: 'TASK_STATE_COMPLETED undefined' },
  ]);
});

test('a step that threw throws again in every run, and is not done again', async () => {
  let done = 0;
  const task = begin(async (_, ctx) => {
    const error = await ctx
      .step('try', () => {
        done += 1;
        throw new TypeError('no such thing');
      })
      .catch((error: Error) => `${error.name}: ${error.message}`);
    return `${(await ctx.ask('Again?')).text} ${error}`;
  });
  await task.message('go');
  await task.restart();
  expect((await task.message('no')).at(-1)).toMatchObject({ text: 'no StepFailed: no such thing' });
  expect(done).toBe(1);
});

test.each<[string, Handler, string]>([
  ['another message', (_, ctx) => ctx.llm(chat('other')).then(() => ''), "model.chat of model 'small' with message"],
  ['another kind', (_, ctx) => ctx.sleep('1d').then(() => ''), 'is now sleep'],
  ['nothing', () => 'done', 'the code now ends without it'],
])('code that asks for %s than the journal has fails the task', async (_, changed, reason) => {
  const agent = agentOf(async (_, ctx) => (await ctx.llm(chat('this'))).text);
  const task = rehearse(agent);
  await task.message('go');
  agent.handler = changed;
  const said = await task.restart();
  expect(said).toMatchObject([{ state: 'TASK_STATE_FAILED', text: expect.stringContaining(reason) }]);
});

test('the unmodified SDK reads what an agent says', async () => {
  const skills = [{ id: 's', name: 's', description: 's', tags: ['t'] }];
  const card = wholeCard({ name: 'n', description: 'd', version: '1', skills }, 'p.agents.n.inbox');
  expect(AgentCard.fromJSON(card)).toMatchObject({
    name: 'n',
    skills: [{ id: 's', tags: ['t'] }],
    supportedInterfaces: [{ url: 'kafka://main/p.agents.n.inbox', protocolVersion: '1.0' }],
  });
  const task = begin(async (_, ctx) => {
    await ctx.artifact({ name: 'data', parts: [{ data: { a: 1 } }, { raw: 'AAE=', mediaType: 'image/png' }] });
    await ctx.agent('other').send([{ text: 'hello' }]);
    return 'never';
  });
  const [said, sent] = await task.message('go');
  const artifact = said && 'artifact' in said ? said.artifact : undefined;
  const update = StreamResponse.fromJSON({ artifactUpdate: { taskId: task.taskId, artifact } });
  expect(StreamResponse.toJSON(update)).toMatchObject({ artifactUpdate: { artifact } });
  const request = SendMessageRequest.fromJSON(sent && 'call' in sent ? sent.message : undefined);
  expect(SendMessageRequest.toJSON(request)).toMatchObject({
    message: { role: 'ROLE_USER', parts: [{ text: 'hello' }] },
  });
});
