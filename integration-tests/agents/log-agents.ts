/**
 * For tests, as a process: agents on the log (AGENTS, separated by commas) which do what the first word of a message says.
 * They tell the process that spawned them of what nobody sees from outside.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { type Answer, CallFailed, type Context, createAgent, textOf } from '../../agent-sdk/index.ts';

/** What `ten` has to be told of where it is to stand still: after how many more operations than its message says. */
const { AGENTS = '', STAND = '', EFFECTS = '' } = process.env;

/** What a process of agents says of itself. */
export interface Sign {
  agent: string;
  sign: 'ready' | 'stands' | 'aborted';
  /** What the agent was told. */
  of: string;
}

const give = (sign: Sign) => process.send?.(sign);

const chat = (content: string) => ({ model: 'small', messages: [{ role: 'user' as const, content }] });

/** What another agent answers with, or why it does not. */
const asked = async (ctx: Context, name: string, text: string): Promise<string> => {
  try {
    return textOf(await ctx.agent(name).send(text));
  } catch (error) {
    if (error instanceof CallFailed) return error.message;
    throw error;
  }
};

/** What a tool answers, or why it does not. */
const used = async (ctx: Context, name: string, args: string): Promise<string> => {
  try {
    const { content, isError } = await ctx.tool(name, JSON.parse(args));
    return (isError ? 'failed: ' : '') + content.map(({ text = '' }) => text).join('');
  } catch (error) {
    if (error instanceof CallFailed) return error.message;
    throw error;
  }
};

/** Ten operations, each of another kind where there is one. `rest`: whose task it is, and after which one it stands still. */
const ten = async (ctx: Context, agent: string, rest: string): Promise<string> => {
  const [name = '', after] = rest.split(' ');
  const standsAfter = STAND && after ? Number(after) + Number(STAND) : undefined;
  const learned: unknown[] = [];
  const then = async (operation: Promise<unknown>) => {
    learned.push((await operation) ?? null);
    if (learned.length !== standsAfter) return;
    give({ agent, sign: 'stands', of: name });
    await new Promise(() => {});
  };
  const effect = (of: string) => appendFileSync(`${EFFECTS}/${name}`, `${of}\n`);
  await then(ctx.step('one', () => effect('one')));
  await then(ctx.llm(chat(`${name} first`)).then(({ text }) => text));
  await then(ctx.progress('half done'));
  await then(asked(ctx, 'helper', name === 'in-agent' ? 'hold found COMPLETED' : `say found for ${name}`));
  await then(ctx.ask('Shall I?').then(({ text }) => text));
  await then(ctx.sleep('1s'));
  await then(ctx.step('seven', () => effect('seven')));
  await then(ctx.llm(chat(`${name} second`)).then(({ text }) => text));
  await then(ctx.artifact({ name: 'facts', parts: 'all of them' }));
  await then(ctx.step('ten', () => effect('ten')));
  return JSON.stringify(learned);
};

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

const does: Record<string, (ctx: Context, rest: string, agent: string) => Promise<Answer>> = {
  ten: (ctx, rest, agent) => ten(ctx, agent, rest),
  echo: async (ctx, rest) => ctx.step('echo', () => rest),
  ask: async (ctx, rest) => `${rest}: ${(await ctx.ask(rest)).text}`,
  count: async (ctx, rest) => {
    const [n, ms] = rest.split(' ').map(Number);
    for (let i = 0; i < n!; i += 1) {
      await ctx.step('work', () => wait(ms));
      await ctx.progress(String(i));
    }
    return undefined;
  },
  flood: async (ctx, rest) => {
    await Promise.all(Array.from({ length: Number(rest) }, (_, i) => ctx.progress(String(i))));
    return undefined;
  },
  call: async (ctx, rest) => {
    const [, name = '', text = ''] = /^(\S+) (.*)$/s.exec(rest) ?? [];
    return asked(ctx, name, text);
  },
  tool: async (ctx, rest) => {
    const [, name = '', args = ''] = /^(\S+) (.*)$/s.exec(rest) ?? [];
    return used(ctx, name, args);
  },
  parallel: async (ctx, rest) => {
    const names = rest.split(' ');
    return (await Promise.all(names.map((name, i) => asked(ctx, name, `echo ${name} ${i}`)))).join('\n');
  },
  wait: async (ctx, rest, agent) => {
    await ctx.progress('waiting');
    await untilAborted(ctx.signal);
    give({ agent, sign: 'aborted', of: rest });
    return 'never heard';
  },
};

const start = async (name: string) => {
  const skills = [{ id: 'obey', name: 'Obey', description: 'Does as it is told.', tags: ['tests'] }];
  const card = { name, description: 'Does as it is told, on the log.', version: '1', skills };
  await createAgent({ name, card, concurrency: 1_000 })
    .onMessage(({ text }, ctx) => {
      const [, verb = '', rest = ''] = /^(\S*) ?(.*)$/s.exec(text) ?? [];
      const act = does[verb];
      if (!act) throw new Error(`I do not know "${verb}".`);
      return act(ctx, rest, name);
    })
    .start();
  give({ agent: name, sign: 'ready', of: '' });
};

await Promise.all(AGENTS.split(',').map(start));
// Without who spawned it, it has nobody to serve.
process.on('disconnect', () => process.exit());
