/** How many calls are in flight to each server, and how many may be. */
import type * as mesh from '../../../schemas/generated.ts';
import { faultOf } from '../../runtime/outbound/faults.ts';
import type { Failed } from '../../runtime/outbound/outcomes.ts';
import type { ServiceContext } from '../../runtime/service.ts';

/** Calls in flight, by connection. */
export type InFlight = Map<string, number>;

/** A place among the calls to a server; there is none where it is full. */
export const enter = (
  inFlight: InFlight,
  { configuration }: Pick<ServiceContext, 'configuration'>,
  { target }: Pick<mesh.RequestDispatched, 'target'>,
): { isFull: boolean; leave(): void } => {
  const server = configuration()?.servers.find(({ connection }) => connection === target.connection);
  const calls = inFlight.get(target.connection) ?? 0;
  if (calls >= (server?.callsInFlight ?? Number.POSITIVE_INFINITY)) return { isFull: true, leave: () => {} };
  inFlight.set(target.connection, calls + 1);
  const leave = () => {
    const left = (inFlight.get(target.connection) ?? 1) - 1;
    if (left > 0) inFlight.set(target.connection, left);
    else inFlight.delete(target.connection);
  };
  return { isFull: false, leave };
};

export const full = (): Failed => ({
  kind: 'failed',
  ...faultOf('RATE_LIMITED', 'As many calls as are allowed are in flight to the MCP server.', true),
  meters: {},
  estimated: false,
});
