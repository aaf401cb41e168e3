/** Agents on a real Kafka, killed, moved and forgotten in the middle of their tasks. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { derivedId } from './ids.ts';
import { createAgent, type Handler } from './index.ts';
import { startTestMesh, type TestMesh, until } from './kafka/mesh-for-tests.ts';

const cluster = () => ({ brokers: inject('brokers'), registryUrl: inject('registryUrl') });
const meshOf = async (agents: string[], more: Partial<Parameters<typeof startTestMesh>[0]> = {}): Promise<TestMesh> => {
  const mesh = await startTestMesh({ ...cluster(), agents, ...more });
  onTestFinished(mesh.close);
  return mesh;
};
const card = { name: 'Tested', description: 'Is tested.', version: '1', skills: [] };
const startAgent = async (name: string, mesh: TestMesh, handler: Handler, idle: string | number = '30s') => {
  const agent = createAgent({ name, card, idle, env: mesh.env }).onMessage(handler);
  onTestFinished(() => agent.stop());
  await agent.start();
  return agent;
};
const chat = (content: string) => ({ model: 'm', messages: [{ role: 'user' as const, content }] });

test('killed with SIGKILL after each of its ten operations, an agent ends the same, and each call is made once', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'parley-agent-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const names = Array.from({ length: 10 }, (_, i) => `killed-after-${i}`);
  const mesh = await meshOf(names);
  const spawnAgents = (kill: string) => {
    const env = { ...process.env, ...mesh.env, AGENTS: names.join(), EFFECTS: dir, KILL: kill };
    const child = spawn(process.execPath, [join(import.meta.dirname, 'kafka/ten-steps.ts')], {
      env,
      stdio: ['ignore', 2, 2],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    return new Promise<NodeJS.Signals | null>((resolve) => child.once('exit', (_, signal) => resolve(signal)));
  };
  const killed = spawnAgents('yes');
  const tasks = await Promise.all(names.map((name) => mesh.send(name, 'begin')));
  expect(await killed).toBe('SIGKILL');
  void spawnAgents('');
  const learned = [null, 'said of begin', null, 'found', 'yes to Shall I?', null, null, 'said of again', null, null];
  const operations = ['0 step', '1 call', '2 progress', '3 call', '4 ask', '4 answered', '5 sleep', '6 step'];
  operations.push('7 call', '8 artifact', '9 step', 'end');
  for (const [i, taskId] of tasks.entries()) {
    expect(await mesh.ending(taskId)).toBe(`TASK_STATE_COMPLETED ${JSON.stringify(learned)}`);
    // Every record, repeats too: there are none.
    expect(mesh.heard.filter((h) => h.taskId === taskId).map(({ operation }) => operation)).toEqual(operations);
    expect(readFileSync(join(dir, names[i]!), 'utf8')).toBe('one\nseven\nten\n');
  }
}, 180_000);

test('tasks go on where they were when instances come and go', async () => {
  const mesh = await meshOf(['moving'], { partitions: 4 });
  const effects = new Map<string, number>();
  const handler: Handler = async ({ text }, ctx) => {
    const { text: first } = await ctx.llm(chat(text));
    await ctx.step('count', () => effects.set(text, (effects.get(text) ?? 0) + 1).size);
    const [{ text: second }, answer] = await Promise.all([ctx.llm(chat(first)), ctx.ask(`${text}?`)]);
    return `${second}, ${answer.text}`;
  };
  const one = await startAgent('moving', mesh, handler);
  const texts = Array.from({ length: 60 }, (_, i) => `task ${i}`);
  const begun = texts.slice(0, 30).map((text) => mesh.send('moving', text));
  const two = await startAgent('moving', mesh, handler);
  begun.push(...texts.slice(30).map((text) => mesh.send('moving', text)));
  await one.stop();
  const ends = await Promise.all((await Promise.all(begun)).map((taskId) => mesh.ending(taskId)));
  expect(ends).toEqual(texts.map((text) => `TASK_STATE_COMPLETED said of said of ${text}, yes to ${text}?`));
  const calls = new Set(mesh.heard.filter(({ type }) => type === 'AgentCalled').map(({ id }) => id));
  expect(calls.size).toBe(2 * texts.length);
  await until('everything is committed', async () => {
    const { committed, end } = await mesh.progress('moving');
    return committed === end || undefined;
  });
  await two.stop();
}, 120_000);

test('a task that waits is forgotten, and comes back from its journal when its answer does', async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<string>();
  const mesh = await meshOf(['patient'], {
    answer: (question) => {
      asked.resolve();
      return question === 'Shall I?' ? answer.promise : 'at once';
    },
  });
  let runs = 0;
  const handler: Handler = async (_, ctx) => {
    runs += 1;
    const random = await ctx.random();
    const { text } = await ctx.ask('Shall I?');
    return `${text} ${random === (await ctx.step('same', () => random))}`;
  };
  await startAgent('patient', mesh, handler, 1);
  const taskId = await mesh.send('patient', 'begin');
  await asked.promise;
  // Committed says that it waits; a second after that nothing of it is in memory.
  await until('the message is done with', async () => (await mesh.progress('patient')).committed === 1 || undefined);
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  answer.resolve('go');
  expect(await mesh.ending(taskId)).toBe('TASK_STATE_COMPLETED go true');
  expect(runs).toBe(2);
});

test('what nobody can read is passed over, in the inbox, and in the outbox by who goes on with the task', async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<string>();
  const mesh = await meshOf(['unspoilt'], {
    answer: () => {
      asked.resolve();
      return answer.promise;
    },
  });
  const handler: Handler = async (_, ctx) => (await ctx.ask('Shall I?')).text;
  const old = await startAgent('unspoilt', mesh, handler);
  const taskId = await mesh.send('unspoilt', 'begin');
  await asked.promise;
  const [question] = mesh.heard.filter((h) => h.taskId === taskId);
  await old.stop();
  await mesh.spoil('outbox', question!);
  await mesh.spoil('inbox', question!);
  await startAgent('unspoilt', mesh, handler);
  answer.resolve('yes');
  expect(await mesh.ending(taskId)).toBe('TASK_STATE_COMPLETED yes');
});

test('code that does not follow the journal fails the task and says where', async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<string>();
  const mesh = await meshOf(['changed'], {
    answer: () => {
      asked.resolve();
      return answer.promise;
    },
  });
  const old = await startAgent('changed', mesh, async (_, ctx) => {
    await ctx.step('look', () => 1);
    return (await ctx.ask('Shall I?')).text;
  });
  const taskId = await mesh.send('changed', 'begin');
  await asked.promise;
  await old.stop();
  await startAgent('changed', mesh, async (_, ctx) => {
    await ctx.step('look twice', () => 1);
    return (await ctx.ask('Shall I?')).text;
  });
  answer.resolve('yes');
  expect(await mesh.ending(taskId)).toContain(
    "TASK_STATE_FAILED The agent's code does not follow the task's journal: operation 0 was step 'look', and is now step 'look twice'.",
  );
});

test('what another process has said first counts, and is what the task goes on with', async () => {
  const mesh = await meshOf(['frozen']);
  const under = Promise.withResolvers<void>();
  const thawed = Promise.withResolvers<void>();
  const results: string[] = [];
  await startAgent('frozen', mesh, async (_, ctx) => {
    await ctx.step('first', () => 'first');
    const second = await ctx.step('second', async () => {
      under.resolve();
      await thawed.promise;
      return 'mine';
    });
    results.push(second);
    return second;
  });
  const taskId = await mesh.send('frozen', 'begin');
  await under.promise;
  const first = await until('the first step', () => mesh.heard.find(({ operation }) => operation === '0 step'));
  const envelope = { ce_id: derivedId('frozen', taskId, 1, 'step'), ce_operation: '1 step' };
  const result = Buffer.from(JSON.stringify('theirs'));
  await mesh.forge(first, envelope, { ...first.data, step: 1, name: 'second', result });
  thawed.resolve();
  expect(await mesh.ending(taskId)).toBe('TASK_STATE_COMPLETED theirs');
  // The run whose record came second has learned nothing from it.
  expect(results).toEqual(['theirs']);
});

test('an agent without topics is told what to do', async () => {
  const mesh = await meshOf(['other']);
  const agent = createAgent({ name: 'missing', card, env: mesh.env }).onMessage(() => 'never');
  await expect(agent.start()).rejects.toThrow('missing: { log: true');
});
