import { pick } from '../random.ts';
import type { Fault } from './fault.ts';

const MINUTE_MS = 60_000;
const MOST_MINUTES = 10;

export const clock: Fault = {
  name: 'clock',
  description: 'the clock of a mesh process jumps by up to ten minutes, forth or back, and back again',
  side: 'ground',
  lastsMs: [4_000, 15_000],
  inject: async ({ mesh }, place) => {
    const struck = pick(mesh, place);
    // The digits behind those that chose the process.
    const within = (place * mesh.length) % 1;
    const minutes = Math.round((within * 2 - 1) * MOST_MINUTES) || 1;
    struck.setClock(minutes * MINUTE_MS);
    const heal = async () => struck.setClock(0);
    return { struck: `the clock of ${struck.name} jumps by ${minutes} min`, heal };
  },
};
