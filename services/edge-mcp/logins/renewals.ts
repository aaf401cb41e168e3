/** Renews logins, in the one instance that `mesh.logins` was given to: see shared-logins.ts. */
import type * as mesh from '../../../schemas/generated.ts';
import { burying } from '../../runtime/dead-letter.ts';
import { follow } from '../../runtime/event.ts';
import { createLanes } from '../../runtime/lanes.ts';
import type { AnyRecorded, Recorded } from '../../runtime/log.ts';
import { Abandoned } from '../../runtime/outbound/faults.ts';
import { createTenures, type Tenure } from '../../runtime/outbound/tenures.ts';
import { hasEnvelope } from '../../runtime/recorded.ts';
import type { RunningService, ServiceContext } from '../../runtime/service.ts';
import { CallFailed } from '../outbound/call-failed.ts';
import type { Connections } from '../outbound/connections.ts';
import type { KnownLogins } from './follow-logins.ts';
import { loginKey } from './kept-login.ts';
import { renew } from './renew.ts';

const SERVICE = 'edge-mcp';
const GROUP = 'edge-mcp-logins';
const RETRY_MS = 500;
/** By what is said of a login that the authorization server ended. */
const MESH = 'mesh';

/** Starts it. Resolves once it consumes. @throws what `Log.consume` throws */
export const startRenewals = async (
  given: ServiceContext,
  known: KnownLogins,
  connections: Pick<Connections, 'loggingIn'>,
): Promise<RunningService> => {
  const logger = given.logger.child({ service: SERVICE, side: 'logins' });
  const context = { ...given, logger };
  const lanes = createLanes({ concurrency: 16 });
  const tenures = createTenures(context, RETRY_MS);
  let stopping = false;

  const settle = async (refused: Recorded<'LoginRefused'>, tenure: Tenure) => {
    const { server, login } = refused.data;
    if (stopping) throw new Abandoned('the edge is stopping');
    await tenure.untilOurs();
    // What another instance, or this one, made of an earlier refusal is in the log already.
    await known.catchUp();
    const last = known.of(server);
    if (last?.type !== 'LoggedIn' || last.id !== login) return;
    const said = await renew(last.data, connections.loggingIn(server), context);
    const now = context.now();
    const { id, correlationId, traceparent } = refused;
    const cause = { id, correlationId, traceparent, key: loginKey(server) };
    // It is said by whoever renewed, whose the partition may be by now: the old refresh token is spent.
    if ('loggedIn' in said) await tenures.append([follow(SERVICE, cause, 'login', 'LoggedIn', said.loggedIn, now)]);
    else {
      const data: mesh.LoggedOut = { server, by: MESH, reason: said.over };
      await tenures.append([follow(SERVICE, cause, 'login', 'LoggedOut', data, now)]);
      logger.warn({ server, reason: said.over }, 'a login has ended');
    }
  };

  const bury = burying(SERVICE, context, tenures.append);

  const handle = async (record: AnyRecorded): Promise<void> => {
    if (!hasEnvelope(record)) return bury(record, new Error('no CloudEvents envelope'));
    if (record.type !== 'LoginRefused') return;
    let server: string;
    try {
      server = record.data.server;
    } catch (error) {
      return bury(record, error);
    }
    try {
      // That of now: the partition may be another's by its turn.
      const tenure = tenures.begin(record.partition);
      await lanes.run(server, () => settle(record as Recorded<'LoginRefused'>, tenure));
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      // Who is refused again says so again.
      logger.warn({ server, reason: error.message }, 'a login could not be renewed');
    }
  };

  const consumer = await context.log.consume(GROUP, ['mesh.logins'], {
    types: ['LoginRefused'],
    assigned: async (assigned) => {
      for (const { partition } of assigned) tenures.begin(partition);
    },
    revoked: (partitions) => tenures.end(partitions, new Abandoned('its partition is another instance’s')),
    handle,
  });
  tenures.consuming(consumer);

  return {
    stop: async () => {
      stopping = true;
      // A token that was asked for is said before the group gives the partition to another.
      await lanes.idle();
      tenures.end(tenures.partitions(), new Abandoned('the edge has stopped'));
      await consumer.close();
      tenures.halt();
    },
  };
};
