/** What the conformance kit of docs/a2a-over-kafka.md asks an agent for, with the SDK. */
import { setTimeout as wait } from 'node:timers/promises';
import { type Answer, type Context, createAgent, textOf } from '../../agent-sdk/index.ts';

const STEP_MS = 200;

const made = async (ctx: Context, text: string): Promise<undefined> => {
  await ctx.artifact({ name: 'result', parts: text, lastChunk: true });
  return undefined;
};

const callAgent = async (ctx: Context, name: string, text: string): Promise<undefined> => {
  const answer = await ctx.agent(name).send(text);
  if (!('status' in answer)) return made(ctx, textOf(answer.message));
  if (answer.status.state !== 'TASK_STATE_COMPLETED')
    throw new Error(`The other agent's task is ${answer.status.state}.`);
  return made(ctx, textOf(answer.artifacts?.[0]?.parts ?? []));
};

const does: Record<string, (ctx: Context, text: string) => Promise<Answer>> = {
  echo: made,
  ask: async (ctx) => made(ctx, `You said: ${(await ctx.ask('What shall I say?')).text}`),
  fail: async () => {
    throw new Error('It was to fail.');
  },
  slow: async (ctx, steps) => {
    for (let step = 1; step <= Number(steps); step += 1) {
      await ctx.step('work', () => wait(STEP_MS));
      await ctx.progress(`${step} of ${steps}`);
    }
    return made(ctx, 'done');
  },
  'call-llm': async (ctx, content) => {
    const { text } = await ctx.llm({ model: 'conformance', messages: [{ role: 'user', content }] });
    return made(ctx, text);
  },
  'call-agent': (ctx, rest) => {
    const [name = '', ...words] = rest.split(' ');
    return callAgent(ctx, name, words.join(' '));
  },
  sleep: async (ctx) => {
    await ctx.sleep('1s');
    return made(ctx, 'awake');
  },
  direct: async (_, text) => ({ message: text }),
};

const card = {
  name: 'conformance',
  description: 'Does what the conformance kit asks for.',
  version: '1.0.0',
  skills: [{ id: 'echo', name: 'Echo', description: 'Says what it was told.', tags: ['conformance'] }],
};

await createAgent({ name: process.env.PARLEY_AGENT ?? 'conformance', card })
  .onMessage((message, ctx) => {
    const [, word = '', rest = ''] = /^(\S*) ?(.*)$/s.exec(message.text) ?? [];
    const act = does[word];
    if (!act) throw new Error(`I do not know "${word}".`);
    return act(ctx, rest);
  })
  .start();
