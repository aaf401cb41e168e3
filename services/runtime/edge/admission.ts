import type { Configuration } from '../configuration.ts';

export type Crowded = 'process' | 'credential';

export interface Admission {
  /** Counts a request in, or says which limit it would pass. */
  enter(credential: string, limits: Configuration['limits']): Crowded | undefined;
  leave(credential: string): void;
  inFlight(): number;
}

/** Counts the requests in flight, of the process and of each credential. */
export const createAdmission = (): Admission => {
  let total = 0;
  const byCredential = new Map<string, number>();
  return {
    enter: (credential, limits) => {
      const own = byCredential.get(credential) ?? 0;
      if (own >= limits.requestsInFlightPerCredential) return 'credential';
      if (total >= limits.requestsInFlight) return 'process';
      total += 1;
      byCredential.set(credential, own + 1);
      return undefined;
    },
    leave: (credential) => {
      const own = byCredential.get(credential) ?? 0;
      total -= 1;
      if (own > 1) byCredential.set(credential, own - 1);
      else byCredential.delete(credential);
    },
    inFlight: () => total,
  };
};
