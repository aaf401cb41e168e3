import { InvalidArgumentError } from 'commander';
import { durationMs } from '../services/runtime/governance/desired.ts';

/** How long ago, in milliseconds: 30m, 2h, 7d. */
export const parseAgo = (text: string): number => {
  if (!/^\d{1,9}(ms|s|m|h|d)$/.test(text)) throw new InvalidArgumentError('Say how long ago, e.g. 30m, 2h or 7d.');
  return durationMs(text);
};

/** As `parseAgo`, or the beginning. */
export const parseFrom = (text: string): number | 'beginning' => (text === 'beginning' ? text : parseAgo(text));

/** When an id was made, where it says so: UUIDv7 (RFC 9562), alone or behind a tenant. Milliseconds since the epoch. */
export const madeAt = (id: string): number | undefined => {
  const [, high, low] =
    /(?:^|:)([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.exec(id) ?? [];
  return high && low ? Number.parseInt(high + low, 16) : undefined;
};
