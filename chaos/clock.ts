/**
 * Given to a mesh process by --import: moves what it takes for the time. On SIGUSR2 the clock is as many milliseconds off as
 * CHAOS_CLOCK_FILE says. Timers go on as they do when a real clock is set.
 */
import { readFileSync } from 'node:fs';

const real = Date.now;
let offMs = 0;

class MovedDate extends Date {
  constructor(...given: unknown[]) {
    super(...((given.length === 0 ? [real() + offMs] : given) as [number]));
  }
  static override now(): number {
    return real() + offMs;
  }
}

globalThis.Date = MovedDate as DateConstructor;
process.on('SIGUSR2', () => {
  offMs = Number(readFileSync(process.env.CHAOS_CLOCK_FILE ?? '', 'utf8'));
});
