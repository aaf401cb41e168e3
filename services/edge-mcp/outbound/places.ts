/** How many calls are in flight to each server and each of its tools, how many it had lately, and how many it may have. */
import type * as mesh from '../../../schemas/generated.ts';
import { faultOf } from '../../runtime/outbound/faults.ts';
import type { Failed } from '../../runtime/outbound/outcomes.ts';
import type { ServiceContext } from '../../runtime/service.ts';
import { configuredOf } from './limits.ts';
import { type Bucket, refilled, taken, waitOf } from './rate.ts';

/** By connection, or by connection and tool. */
export interface Places {
  inFlight: Map<string, number>;
  buckets: Map<string, Bucket>;
}

export const createPlaces = (): Places => ({ inFlight: new Map(), buckets: new Map() });

/** A call of which the server knows nothing: another server may be called instead. */
const refused = (message: string, retryAfterMs: number | null = null): Failed => ({
  kind: 'failed',
  ...faultOf('RATE_LIMITED', message, true, { retryAfterMs }),
  meters: {},
  estimated: false,
});

/** What a call counts against. */
interface Limited {
  key: string;
  /** As refusals name it. */
  whom: string;
  callsInFlight: number | null;
  callsPerMinute: number | null;
}

type Context = Pick<ServiceContext, 'configuration' | 'now'>;

const limitsOf = ({ configuration }: Context, connection: string, tool: string): Limited[] => {
  const limits = configuredOf(configuration(), connection, tool);
  return [
    ...(limits.server ? [{ key: connection, whom: 'the MCP server', ...limits.server }] : []),
    ...(limits.tool ? [{ key: `${connection} ${tool}`, whom: 'this tool of the MCP server', ...limits.tool }] : []),
  ];
};

/** In words too, for models and for agents on the log, which see nothing else. */
const rateOf = (whom: string, waitMs: number): string =>
  `As many calls as are allowed in a minute were made of ${whom}. Try again in ${Math.ceil(waitMs / 1000)} s.`;

const leaveAt = (inFlight: Map<string, number>, key: string) => {
  const left = (inFlight.get(key) ?? 1) - 1;
  if (left > 0) inFlight.set(key, left);
  else inFlight.delete(key);
};

/**
 * A place among the calls to a server, and to a tool of it; where there is none the call is refused, and counts nowhere.
 * @param tool empty: what is called is none
 */
export const enter = (
  { inFlight, buckets }: Places,
  context: Context,
  { target }: Pick<mesh.RequestDispatched, 'target'>,
  tool: string,
): { refused: Failed | null; leave(): void } => {
  const refuse = (failed: Failed) => ({ refused: failed, leave: () => {} });
  const limits = limitsOf(context, target.connection, tool);
  for (const { key, whom, callsInFlight } of limits)
    if (callsInFlight !== null && (inFlight.get(key) ?? 0) >= callsInFlight)
      return refuse(refused(`As many calls as are allowed are in flight to ${whom}.`));
  const rated = limits.flatMap(({ key, whom, callsPerMinute }) => {
    if (callsPerMinute === null) return [];
    const bucket = refilled(buckets.get(key), callsPerMinute, context.now());
    return [{ key, whom, bucket, wait: waitOf(bucket, callsPerMinute) }];
  });
  const last = rated.toSorted((a, b) => b.wait - a.wait)[0];
  if (last && last.wait > 0) return refuse(refused(rateOf(last.whom, last.wait), last.wait));
  for (const { key, bucket } of rated) buckets.set(key, taken(bucket));
  for (const { key } of limits) inFlight.set(key, (inFlight.get(key) ?? 0) + 1);
  const leave = () => {
    for (const { key } of limits) leaveAt(inFlight, key);
  };
  return { refused: null, leave };
};
