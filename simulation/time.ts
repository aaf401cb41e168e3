/**
 * Virtual time. Every timer of the product, and every action of the simulated world, is a timer of one clock, which goes
 * from one to the next; between two of them all promises settle.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { syncBuiltinESMExports } from 'node:module';
import timersPromises from 'node:timers/promises';
import FakeTimers from '@sinonjs/fake-timers';

const realImmediate = globalThis.setImmediate;
const current = new AsyncLocalStorage<Life>();

/** A process's being: what happens in it waits while it is frozen, and never happens once it is dead. */
export class Life {
  readonly name: string;
  dead = false;
  #frozen = false;
  #waiting: (() => void)[] = [];
  constructor(name: string) {
    this.name = name;
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  /** Lets something happen in the process. */
  enter(happen: () => void): void {
    if (this.dead) return;
    if (this.#frozen) this.#waiting.push(happen);
    else current.run(this, happen);
  }

  freeze(): void {
    this.#frozen = true;
  }

  /** What waited happens at once, one after the other. @param soon puts one thing behind the other. */
  thaw(soon: (happen: () => void) => void): void {
    this.#frozen = false;
    for (const happen of this.#waiting.splice(0)) soon(() => this.enter(happen));
  }
}

/** The process whose code runs now. @throws outside of any. */
export const currentLife = (): Life => {
  const life = current.getStore();
  if (!life) throw new Error('nothing of the mesh runs outside of its processes');
  return life;
};

export interface Time {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Lets something happen after `ms`, outside of all processes. */
  after(ms: number, happen: () => void): void;
  /** How many timers there are. */
  waiting(): number;
  /** Goes on to the next thing that happens, and lets all settle that follows from it. */
  step(): Promise<void>;
  /** Gives real time back. */
  end(): void;
}

/** `AbortSignal.any`, without what node keeps of one for as long as the thread lives: that of many seeds would fill it. */
const anySignal = (signals: Iterable<AbortSignal>): AbortSignal => {
  const controller = new AbortController();
  for (const signal of signals) {
    const abort = () => controller.abort(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  }
  return controller.signal;
};

const settle = () => new Promise<void>((resolve) => realImmediate(resolve));

/** `setTimeout` of node:timers/promises, over whatever `setTimeout` is now. */
const sleep = <T>(ms = 1, value?: T, { signal }: { signal?: AbortSignal } = {}) =>
  new Promise<T>((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(new DOMException('The operation was aborted', 'AbortError'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve(value as T);
    }, ms);
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });

/** Takes over the clock of this thread until `end`. @param start milliseconds since the epoch. */
export const beginTime = (start: number): Time => {
  const clock = FakeTimers.install({
    now: start,
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
  });
  const { setTimeout: fakeTimeout, setInterval: fakeInterval, setImmediate: immediate } = globalThis;
  const { timeout: realTimeoutSignal, any: realAnySignal } = AbortSignal;
  const promised = timersPromises.setTimeout;
  const ofLife = (callback: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
    const life = current.getStore();
    return fakeTimeout(life ? () => life.enter(() => callback(...args)) : callback, ms, ...args);
  };
  /** What comes due again and again in a frozen process happens once when it thaws. */
  const everyOfLife = (callback: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
    const life = current.getStore();
    if (!life) return fakeInterval(callback, ms, ...args);
    let isDue = false;
    const happen = () => {
      isDue = false;
      callback(...args);
    };
    const timer = fakeInterval(() => {
      if (life.dead) clearInterval(timer);
      if (life.dead || isDue) return;
      isDue = true;
      life.enter(happen);
    }, ms);
    return timer;
  };
  const timeoutSignal = (ms: number) => {
    const controller = new AbortController();
    const abort = () => controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
    setTimeout(abort, ms);
    return controller.signal;
  };
  globalThis.setTimeout = ofLife as typeof globalThis.setTimeout;
  globalThis.setInterval = everyOfLife as typeof globalThis.setInterval;
  AbortSignal.timeout = timeoutSignal;
  AbortSignal.any = anySignal;
  globalThis.setImmediate = ((callback: (...args: unknown[]) => void, ...args: unknown[]) =>
    ofLife(callback, 0, ...args)) as unknown as typeof globalThis.setImmediate;
  timersPromises.setTimeout = sleep as typeof timersPromises.setTimeout;
  syncBuiltinESMExports();
  return {
    now: () => clock.now,
    after: (ms, happen) => void current.exit(() => fakeTimeout(happen, ms)),
    waiting: () => clock.countTimers(),
    step: async () => {
      clock.next();
      await settle();
    },
    end: () => {
      globalThis.setTimeout = fakeTimeout;
      globalThis.setInterval = fakeInterval;
      AbortSignal.timeout = realTimeoutSignal;
      AbortSignal.any = realAnySignal;
      globalThis.setImmediate = immediate;
      timersPromises.setTimeout = promised;
      clock.uninstall();
      syncBuiltinESMExports();
    },
  };
};
