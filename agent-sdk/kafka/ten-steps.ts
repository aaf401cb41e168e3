/**
 * For tests, as a process: agents of ten operations each. With KILL set the first of them stands still after its first
 * operation, the second after its second, and so on; once all do, the process kills itself.
 */
import { appendFileSync } from 'node:fs';
import { createAgent, textOf } from '../index.ts';

const { AGENTS = '', EFFECTS = '', KILL = '' } = process.env;
const names = AGENTS.split(',');
let still = 0;

const standStill = async (): Promise<never> => {
  still += 1;
  if (still === names.length) process.kill(process.pid, 'SIGKILL');
  return await new Promise(() => {});
};

const start = async (name: string, i: number) => {
  const card = { name, description: 'Does ten things.', version: '1', skills: [] };
  const effect = (of: string) => appendFileSync(`${EFFECTS}/${name}`, `${of}\n`);
  const agent = createAgent({ name, card }).onMessage(async (message, ctx) => {
    const learned: unknown[] = [];
    const then = async (operation: Promise<unknown>) => {
      learned.push(await operation);
      if (KILL && learned.length === i + 1) await standStill();
    };
    const chat = (content: string) => ({ model: 'm', messages: [{ role: 'user' as const, content }] });
    await then(ctx.step('one', () => effect('one')));
    await then(ctx.llm(chat(message.text)).then(({ text }) => text));
    await then(ctx.progress('half done'));
    await then(ctx.agent('other').send('find').then(textOf));
    await then(ctx.ask('Shall I?').then(({ text }) => text));
    await then(ctx.sleep('3d'));
    await then(ctx.step('seven', () => effect('seven')));
    await then(ctx.llm(chat('again')).then(({ text }) => text));
    await then(ctx.artifact({ name: 'facts', parts: 'all of them' }));
    await then(ctx.step('ten', () => effect('ten')));
    return JSON.stringify(learned);
  });
  await agent.start();
};

await Promise.all(names.map(start));
