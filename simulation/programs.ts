/** What agents of the SDK are asked to do: a message says it, operation by operation. */
import type { Handler } from '../agent-sdk/handler.ts';
import type { Context } from '../agent-sdk/task/context.ts';
import type { Answer } from '../agent-sdk/task/sayings.ts';
import type { StepEffect } from '../invariants/index.ts';
import type { RunOf } from './agent-process.ts';
import type { Cluster } from './cluster.ts';
import { httpAgentNames } from './configuration.ts';
import type { Random } from './random.ts';

export type Operation =
  | { do: 'step' | 'ask' | 'progress' | 'hang' | 'fail' | 'direct' }
  | { do: 'llm'; model: string; once: boolean }
  | { do: 'tool'; name: string }
  | { do: 'agent'; name: string; program: Operation[] }
  | { do: 'sleep' | 'slow'; ms: number }
  | { do: 'artifact'; pieces: number }
  | { do: 'both'; programs: Operation[][] };

const drawOperation = (random: Random, depth: number): Operation => {
  const chance = random.next();
  if (chance < 0.28) return { do: 'step' };
  if (chance < 0.4)
    return {
      do: 'llm',
      model: random.pick(['small', 'small', 'large', 'nowhere', 'unknown']),
      once: random.chance(0.4),
    };
  if (chance < 0.45)
    return { do: 'tool', name: random.pick(['files/look', 'files/send', 'books/lend', 'files/tempt']) };
  if (chance < 0.56 && depth < 3)
    return {
      do: 'agent',
      name: random.chance(0.2)
        ? random.pick(httpAgentNames)
        : random.pick(['scout', 'scout', 'clerk', 'rogue', 'nobody']),
      program: drawProgram(random, depth + 1),
    };
  if (chance < 0.63) return { do: 'ask' };
  if (chance < 0.68) return { do: 'progress' };
  if (chance < 0.77) return { do: 'artifact', pieces: 1 + random.below(3) };
  if (chance < 0.87)
    return { do: 'sleep', ms: random.chance(0.7) ? random.between(0, 6_000) : random.between(6_000, 90_000) };
  if (chance < 0.92) return { do: 'slow', ms: random.between(1, 8_000) };
  if (chance < 0.96 && depth < 3) return { do: 'both', programs: [drawProgram(random, 3), drawProgram(random, 3)] };
  return { do: random.pick(['hang', 'fail', 'direct'] as const) };
};

/** A few operations. @param depth how many agents ask before this one. */
export const drawProgram = (random: Random, depth = 0): Operation[] =>
  random.chance(0.06)
    ? [{ do: 'direct' }]
    : Array.from({ length: 1 + random.below(depth > 0 ? 3 : 5) }, () => drawOperation(random, depth));

const programOf = (text: string): Operation[] => {
  try {
    return JSON.parse(text) as Operation[];
  } catch {
    // What it is told that is no program.
    return [{ do: 'progress' }];
  }
};

const MOST_ANSWERS = 2;

/** The answer of an agent that asks back is that it is to go on. */
const askAgent = async (ctx: Context, name: string, program: Operation[]): Promise<void> => {
  let answer = await ctx.agent(name).send(JSON.stringify(program));
  for (let i = 0; i < MOST_ANSWERS && 'status' in answer; i++) {
    if (!['TASK_STATE_INPUT_REQUIRED', 'TASK_STATE_AUTH_REQUIRED'].includes(answer.status.state)) return;
    answer = await ctx.agent(name).send('go on', { taskId: answer.id });
  }
};

/** Ends the handler with an answer. */
class Direct extends Error {}

export const handlerOf =
  (agent: string, cluster: Cluster, effects: StepEffect[]) =>
  (run: RunOf): Handler => {
    const perform = async (operation: Operation, ctx: Context, place: string): Promise<void> => {
      switch (operation.do) {
        case 'step': {
          const { time } = cluster.world;
          await ctx.step(place, () => {
            effects.push({ agent, taskId: ctx.taskId, step: place, ...run, at: time.now() });
          });
          return;
        }
        case 'llm': {
          const tools = operation.once ? { tools: [{ type: 'mcp' }] } : {};
          const messages = [{ role: 'user' as const, content: place }];
          await ctx.llm({ model: operation.model, messages, ...tools }).catch(unlessOver(ctx));
          return;
        }
        case 'tool': {
          const call = `${ctx.taskId} ${place}.`;
          await ctx.tool(operation.name, { call }).catch(unlessOver(ctx));
          return;
        }
        case 'agent':
          return await askAgent(ctx, operation.name, operation.program).catch(unlessOver(ctx));
        case 'ask':
          await ctx.ask(place);
          return;
        case 'progress':
          return await ctx.progress(place);
        case 'artifact':
          for (let i = 0; i < operation.pieces; i++)
            await ctx.artifact({ artifactId: `of ${place}`, parts: `piece ${i}`, append: i > 0 });
          return;
        case 'sleep':
          return await ctx.sleep(operation.ms);
        case 'slow':
          await ctx.step(place, async () => {
            await new Promise((resolve) => setTimeout(resolve, operation.ms));
            effects.push({ agent, taskId: ctx.taskId, step: place, ...run, at: cluster.world.time.now() });
          });
          return;
        case 'both':
          await Promise.all(operation.programs.map((program, i) => performAll(program, ctx, `${place}.${i}`)));
          return;
        case 'hang':
          return await new Promise(() => {});
        case 'fail':
          throw new Error('it was asked to fail');
        case 'direct':
          throw new Direct();
      }
    };
    const performAll = async (program: readonly Operation[], ctx: Context, at: string): Promise<void> => {
      for (const [i, operation] of program.entries()) await perform(operation, ctx, `${at}${i}`);
    };
    return async (message, ctx): Promise<Answer> => {
      try {
        await performAll(programOf(message.text), ctx, '');
        return 'done';
      } catch (error) {
        if (error instanceof Direct) return { message: 'said at once' };
        throw error;
      }
    };
  };

/** Without an answer it goes on; what has ended ends. */
const unlessOver = (ctx: Context) => (error: unknown) => {
  if (ctx.signal.aborted) throw error;
};
