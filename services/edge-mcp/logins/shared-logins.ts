/**
 * Logins that persons made, as all instances share them. A refresh token may be good for one use, so only the instance that the
 * group gave `mesh.logins` to renews (renewals.ts): who finds a login refused, or at its end, says so in the log and waits.
 */

import { newId } from '../../runtime/event.ts';
import type { Event } from '../../runtime/log.ts';
import type { ServiceContext } from '../../runtime/service.ts';
import { CallFailed } from '../outbound/call-failed.ts';
import type { PersonsLogins } from '../outbound/connections.ts';
import { needsLogin } from '../outbound/login/needs-login.ts';
import type { KnownLogins } from './follow-logins.ts';
import { type KeptLogin, openLogin } from './kept-login.ts';

/** How long is waited for a login to be renewed; more than an instance that died holds it up. */
const RENEWED_WITHIN_MS = 20_000;
/** A token with less to live than this is renewed before it is shown: clocks differ, and calls take time. */
const MARGIN_MS = 10_000;
/** Tokens that were in use and may still come back in what a server says. */
const REMEMBERED = 8;
const SCOPE = /^[\w.:/+-]+( [\w.:/+-]+)*$/;

interface Held extends KeptLogin {
  id: string;
  expiresAt: number | null;
}

type Context = Pick<ServiceContext, 'log' | 'signing' | 'now'>;

export const sharedLogins =
  ({ log, signing, now }: Context, known: KnownLogins, withinMs = RENEWED_WITHIN_MS): PersonsLogins =>
  ({ server, url }) => {
    let held: Held | undefined;
    let secrets: string[] = [];
    const renewing = new Map<string, Promise<void>>();

    const current = async (): Promise<Held> => {
      const last = known.of(server);
      if (!last) throw needsLogin(server);
      if (last.type === 'LoggedOut') throw needsLogin(server, `The login to ${server} has ended: ${last.data.reason}.`);
      if (last.data.url !== url.href) throw needsLogin(server, `The login to ${server} is for another URL.`);
      if (held?.id === last.id) return held;
      const opened = await openLogin(last.data, signing).catch(() => {
        throw needsLogin(server, `The login to ${server} was sealed with another PARLEY_SIGNING_KEY.`);
      });
      held = { ...opened, id: last.id, expiresAt: last.data.expiresAt };
      const { accessToken, refreshToken, client } = held;
      const found = [accessToken, refreshToken, client?.client_secret].filter((one) => one !== undefined);
      secrets = [...new Set([...found, ...secrets])].slice(0, REMEMBERED);
      return held;
    };

    const renewed = async (id: string) => {
      const said = newId(now());
      const event: Event<'LoginRefused'> = {
        id: said,
        type: 'LoginRefused',
        source: 'edge-mcp',
        key: `${server}/refused`,
        time: now(),
        correlationId: said,
        causationId: id,
        traceparent: '',
        data: { server, login: id },
      };
      await log.append([event]);
      await known.changed(server, id, AbortSignal.timeout(withinMs));
      if (known.of(server)?.id === id)
        throw new CallFailed('UPSTREAM_ERROR', `The login to ${server} could not be renewed in time.`, false, {
          status: 401,
        });
    };

    const renewOnce = (id: string): Promise<void> => {
      const coming =
        renewing.get(id) ??
        renewed(id).finally(() => {
          renewing.delete(id);
        });
      renewing.set(id, coming);
      return coming;
    };

    return {
      token: async () => {
        const one = await current();
        const isAtItsEnd = one.expiresAt !== null && one.expiresAt - now() < MARGIN_MS;
        if (!isAtItsEnd || one.refreshToken === undefined) return one.accessToken;
        await renewOnce(one.id);
        return (await current()).accessToken;
      },
      renew: async ({ token, insufficient, scope }) => {
        const one = await current();
        if (one.accessToken !== token) return;
        if (insufficient) {
          const what = scope !== undefined && scope.length < 500 && SCOPE.test(scope) ? `: ${scope}` : '';
          throw needsLogin(server, `The login to ${server} does not cover what it asks for${what}.`);
        }
        if (one.refreshToken === undefined) throw needsLogin(server, `${server} does not take the login any more.`);
        await renewOnce(one.id);
      },
      secrets: () => secrets,
    };
  };
