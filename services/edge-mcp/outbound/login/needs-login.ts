import { CallFailed } from '../call-failed.ts';
import type { PersonsLogins } from '../connections.ts';

/** @param why what is known of it, a sentence; empty: nobody has logged in */
export const needsLogin = (server: string, why = ''): CallFailed =>
  new CallFailed(
    'MISCONFIGURED',
    `${why || `Nobody has logged the mesh in to ${server}.`} Run \`parley mcp login ${server}\`.`,
    false,
    { status: 401 },
  );

/** Where no person logs in to anything. */
export const nobodyLoggedIn: PersonsLogins = ({ server }) => ({
  token: async () => {
    throw needsLogin(server);
  },
  renew: async () => {
    throw needsLogin(server);
  },
  secrets: () => [],
});
