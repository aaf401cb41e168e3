const MOST_TRIES = 1_500;

/** The smallest input found that still fails: parts are left out, ever smaller ones, then bytes are made plain. */
export const minimise = async (input: Buffer, fails: (input: Buffer) => Promise<boolean>): Promise<Buffer> => {
  let smallest = input;
  let tries = 0;
  const attempt = async (candidate: Buffer): Promise<boolean> => {
    tries += 1;
    if (tries > MOST_TRIES || !(await fails(candidate))) return false;
    smallest = candidate;
    return true;
  };
  for (
    let size = Math.ceil(input.length / 2);
    size >= 1 && tries <= MOST_TRIES;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  )
    for (let at = 0; at < smallest.length && tries <= MOST_TRIES; )
      if (!(await attempt(Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)])))) at += size;
  for (let at = 0; at < smallest.length && tries <= MOST_TRIES; at++)
    if (smallest[at] !== 0x61) {
      const plain = Buffer.from(smallest);
      plain[at] = 0x61;
      await attempt(plain);
    }
  return smallest;
};
