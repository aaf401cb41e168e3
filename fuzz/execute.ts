/** One input through a target, and what must hold of every target. */
import { Broken, holds, type Target } from './target.ts';

export interface Failure {
  /** The same for failures of one cause. */
  kind: string;
  message: string;
}

/** Far above what any input of this size may take; a machine that is busy is given another chance. */
const SLOW_MS = 1_000;

const prototypes = [Object, Array, String, Number, Boolean, Function, Buffer, Map, Promise].map(({ prototype }) => ({
  prototype: prototype as object,
  own: new Set(Reflect.ownKeys(prototype)),
}));

/** Whether something was added to a prototype; it is taken away again, so that the next input is judged by itself. */
const restored = (): boolean => {
  let touched = false;
  for (const { prototype, own } of prototypes) {
    const keys = Reflect.ownKeys(prototype);
    if (keys.length === own.size) continue;
    touched = true;
    for (const key of keys) if (!own.has(key)) Reflect.deleteProperty(prototype, key);
  }
  return touched;
};

const kindOf = (error: unknown): string => {
  if (error instanceof Broken) return error.property;
  if (!(error instanceof Error)) return String(error);
  const [, where = ''] = /\n\s+at .*?([^/\s(]+\/[^/\s]+\.[cm]?[tj]s:\d+)/.exec(error.stack ?? '') ?? [];
  return `${error.name} at ${where}`;
};

const timed = async (target: Target, input: Buffer): Promise<number> => {
  const begun = performance.now();
  const running = target.run(input);
  if (running instanceof Promise) await running;
  return performance.now() - begun;
};

/** What is wrong with the target on this input, or nothing. */
export const execute = async (target: Target, input: Buffer): Promise<Failure | undefined> => {
  try {
    for (let chance = 3; (await timed(target, input)) > SLOW_MS; chance--)
      holds(chance > 1, 'an input takes no longer than a second');
    holds(!restored(), 'no input changes a prototype');
    return undefined;
  } catch (error) {
    const text = error instanceof Error && !(error instanceof Broken) ? (error.stack ?? error.message) : String(error);
    return { kind: kindOf(error), message: text.split('\n').slice(0, 6).join('\n') };
  }
};
