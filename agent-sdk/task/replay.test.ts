/** Killed before or after any append, an agent ends as it would have ended: for programs that nobody thought of. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { textOf } from '../a2a.ts';
import type { Handler } from '../handler.ts';
import type { Context } from './context.ts';
import { type Kill, type Performance, perform } from './performance.ts';

type Program =
  | { op: 'step' | 'call' | 'sleep' | 'ask' | 'progress' | 'artifact' | 'now' | 'random' | 'send' | 'fails' }
  | { op: 'all' | 'race' | 'sequence'; of: Program[] };

const leaf = fc
  .constantFrom('step', 'call', 'sleep', 'ask', 'progress', 'artifact', 'now', 'random', 'send', 'fails')
  .map((op): Program => ({ op }));
const programs = (...kinds: ('all' | 'race' | 'sequence')[]) =>
  fc.letrec<{ program: Program }>((tie) => ({
    program: fc.oneof(
      { depthSize: 'medium', maxDepth: 4 },
      leaf,
      fc.record({ op: fc.constantFrom(...kinds), of: fc.array(tie('program'), { minLength: 1, maxLength: 4 }) }),
    ),
  })).program;

/** Runs a program, and gives what it learned by it. */
const execute = async (
  ctx: Context,
  program: Program,
  path: string,
  effect: (path: string) => void,
): Promise<unknown> => {
  if ('of' in program) {
    const parts = program.of.map((part, i) => () => execute(ctx, part, `${path}.${i}`, effect));
    if (program.op === 'all') return await Promise.all(parts.map((part) => part()));
    if (program.op === 'race') return await Promise.race(parts.map((part) => part()));
    const learned: unknown[] = [];
    for (const part of parts) learned.push(await part());
    return learned;
  }
  switch (program.op) {
    case 'step':
      return await ctx.step(path, async () => {
        effect(path);
        for (let i = path.length % 3; i > 0; i -= 1) await new Promise((resolve) => setImmediate(resolve));
        return { path };
      });
    case 'fails':
      return await ctx
        .step(path, () => {
          effect(path);
          throw new Error(`no ${path}`);
        })
        .catch((error: Error) => error.message);
    case 'call':
      return (await ctx.llm({ model: 'm', messages: [{ role: 'user', content: path }] })).text;
    case 'send':
      return textOf(await ctx.agent('other').send(path));
    case 'sleep':
      return (await ctx.sleep('1d')) ?? null;
    case 'ask':
      return (await ctx.ask(path)).text;
    case 'progress':
      return (await ctx.progress(path)) ?? null;
    case 'artifact':
      return (await ctx.artifact({ name: path, parts: path })) ?? null;
    case 'now':
      return typeof (await ctx.now());
    default:
      return typeof (await ctx.random());
  }
};

const play = async (program: Program, seed: number, kill?: Kill) => {
  const effects = new Map<string, number>();
  const effect = (path: string) => void effects.set(path, (effects.get(path) ?? 0) + 1);
  const handler: Handler = async (_, ctx) => JSON.stringify(await execute(ctx, program, 'p', effect));
  return { ...(await perform(handler, seed, kill)), effects };
};

const idsOf = ({ outbox }: Performance) => outbox.map(({ id }) => id);
/** What was said, without the numbers: of branches side by side it depends on the mesh's order which comes first. */
const sayingsOf = ({ outbox }: Performance) =>
  outbox.map(({ type, data }) => {
    const text = 'message' in data ? data.message : 'update' in data ? data.update : 'name' in data ? data.name : '';
    return `${type} ${text.toString().replace(/"(messageId|artifactId)":"[^"]+"/g, '')}`;
  });
const everyKill = ({ outbox }: Performance): Kill[] =>
  outbox.flatMap((_, at) => [
    { at, when: 'before' as const },
    { at, when: 'after' as const },
  ]);

test('killed at any append, it says the same, and does each step once unless it was killed before the record', async () => {
  await fc.assert(
    fc.asyncProperty(programs('all', 'sequence'), fc.nat(), async (program, seed) => {
      const whole = await play(program, seed);
      expect(whole.end).not.toContain('does not follow');
      for (const kill of everyKill(whole)) {
        const killed = await play(program, seed, kill);
        expect(killed.end).toBe(whole.end);
        expect(sayingsOf(killed).sort()).toEqual(sayingsOf(whole).sort());
        expect(new Set(idsOf(killed)).size).toBe(killed.outbox.length);
        for (const [path, count] of killed.effects) expect(count).toBe(killed.lost.has(path) ? 2 : 1);
      }
    }),
    { numRuns: 40 },
  );
}, 120_000);

test('a program without branches says exactly the same, with the same ids', async () => {
  await fc.assert(
    fc.asyncProperty(programs('sequence'), fc.nat(), async (program, seed) => {
      const whole = await play(program, seed);
      for (const kill of everyKill(whole)) {
        const killed = await play(program, seed, kill);
        expect(idsOf(killed)).toEqual(idsOf(whole));
        expect(killed.end).toBe(whole.end);
      }
    }),
    { numRuns: 60 },
  );
}, 120_000);

test('where things race, what won once wins in every later run', async () => {
  await fc.assert(
    fc.asyncProperty(programs('all', 'race', 'sequence'), fc.nat(), async (program, seed) => {
      const whole = await play(program, seed);
      expect(whole.end).toMatch(/^TASK_STATE_COMPLETED/);
      // What the end follows from is in the journal: a run over it ends the same way.
      const again = await play(program, seed, { at: whole.outbox.length - 1, when: 'before' });
      expect(again.end).toBe(whole.end);
      for (const kill of everyKill(whole)) {
        const killed = await play(program, seed, kill);
        expect(killed.end).toMatch(/^TASK_STATE_COMPLETED/);
        expect(new Set(idsOf(killed)).size).toBe(killed.outbox.length);
      }
    }),
    { numRuns: 60 },
  );
}, 120_000);
