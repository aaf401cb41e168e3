/** Less than any setting of a clock that matters to a session, more than a clock drifts between two heartbeats. */
const SET_MS = 100;

/**
 * Of instants of the machine's clock, which may be set, those of the monotonic one, milliseconds. Undefined where the
 * clock was set since the last call: whether before the instant or after it is not known.
 */
export const instants = (
  wall: () => number = () => Date.now(),
  monotonic: () => number = () => performance.now(),
): ((at: number) => number | undefined) => {
  let offset = wall() - monotonic();
  return (at) => {
    const before = offset;
    offset = wall() - monotonic();
    return Math.abs(offset - before) < SET_MS ? at - offset : undefined;
  };
};
