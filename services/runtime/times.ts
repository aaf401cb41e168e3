/** The longest that setTimeout waits, milliseconds: asked for more, it does not wait at all. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** By how much earlier than `AssignedPartition.since` an instance recalls: what it said may bear the time of a clock that runs behind. */
export const RECALL_MARGIN_MS = 60_000;
