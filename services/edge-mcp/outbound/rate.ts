/**
 * A rate as a token bucket: as many calls at once as a minute allows, refilled evenly. Whole numbers only, so that what was
 * told to wait for a token finds it: a call is 60,000 parts, and a millisecond adds as many parts as calls are allowed a minute.
 */
const CALL = 60_000;

export interface Bucket {
  parts: number;
  /** When it was looked at last, milliseconds. */
  at: number;
}

/** As it is at `now`. @param bucket undefined: nothing was taken yet */
export const refilled = (bucket: Bucket | undefined, perMinute: number, now: number): Bucket => {
  const full = perMinute * CALL;
  if (!bucket) return { parts: full, at: now };
  // A clock that was set back neither adds nor holds up.
  const passed = Math.max(0, now - bucket.at);
  return { parts: Math.min(full, bucket.parts + passed * perMinute), at: now };
};

/** Milliseconds until a call may be made; 0: now. */
export const waitOf = ({ parts }: Bucket, perMinute: number): number =>
  parts >= CALL ? 0 : Math.ceil((CALL - parts) / perMinute);

export const taken = ({ parts, at }: Bucket): Bucket => ({ parts: parts - CALL, at });
