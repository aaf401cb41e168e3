/** A server as it is configured now, with what is secret of it. */
import { type Ready, readyFor } from '../../runtime/outbound/ready.ts';
import { credentialsOf, MissingVariable, oauthOf, secretsOf } from '../../runtime/outbound/secrets.ts';
import type { ServiceContext } from '../../runtime/service.ts';
import { CallFailed } from './call-failed.ts';
import type { OAuthSettings } from './login/providers.ts';

export interface Prepared {
  /** All of it: differs where anything that it is reached by does. */
  settings: string;
  ready: Ready;
  env: Record<string, string>;
  oauth: OAuthSettings | null;
  secrets: string[];
}

type Context = Pick<ServiceContext, 'configuration' | 'environment'>;

/** The id of the connection to a server, by its name in the configuration. */
export const idOf = (server: string) => `mcp:${server}`;
export const serverOf = (connection: string) => connection.slice('mcp:'.length);

const envOf = ({ connection }: Ready, environment: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(
    Object.entries(connection.process?.env ?? {}).map(([name, value]) => [
      name,
      credentialsOf({ credential: value, headers: {} }, environment).secret ?? '',
    ]),
  );

/** @throws CallFailed where a variable is missing, or the server is not configured */
export const prepare = (context: Context, id: string): Prepared => {
  const { environment } = context;
  const ready = readyFor(context, { target: { id, connection: id, name: serverOf(id) } });
  if ('kind' in ready) throw new CallFailed('MISCONFIGURED', ready.failure.message, false);
  try {
    const env = envOf(ready, environment);
    const { connection, secret, headers } = ready;
    const ofProcess = { credential: null, headers: connection.process?.env ?? {} };
    const oauth = connection.oauth && oauthOf(connection.oauth, environment);
    const secrets = [
      ...secretsOf(connection, { secret, headers }),
      ...secretsOf(ofProcess, credentialsOf(ofProcess, environment)),
      ...[oauth?.clientSecret, oauth?.privateKey].filter((one) => typeof one === 'string'),
    ];
    return { settings: JSON.stringify([ready, env, oauth]), ready, env, oauth, secrets };
  } catch (error) {
    if (error instanceof MissingVariable) throw new CallFailed('MISCONFIGURED', `For ${id}, ${error.message}.`, false);
    throw error;
  }
};
