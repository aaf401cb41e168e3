import type * as mesh from '../../../schemas/generated.ts';
import type { Connection } from '../configuration.ts';
import type { ServiceContext } from '../service.ts';
import { type Failed, failedOf } from './outcomes.ts';
import { credentialsOf, MissingVariable } from './secrets.ts';

/** A record of the log holds 16 MiB, its envelope and framing included. */
export const MAX_MESSAGE_BYTES = 15 * 1024 * 1024;

/** A connection with what it presents, resolved. */
export interface Ready {
  /** Its answers are no larger than the log can hold. */
  connection: Connection;
  secret: string | null;
  headers: Record<string, string>;
}

const misconfigured = (message: string): Failed => ({
  ...failedOf('MISCONFIGURED', message),
  targetAtFault: false,
  retryable: true,
});

/** What a call needs of the configuration and the environment, or what is missing there. */
export const readyFor = (
  { configuration, environment }: Pick<ServiceContext, 'configuration' | 'environment'>,
  { target }: Pick<mesh.RequestDispatched, 'target'>,
): Ready | Failed => {
  const connection = configuration()?.connections.find(({ id }) => id === target.connection);
  if (!connection) return misconfigured(`The connection ${target.connection} is not configured.`);
  const maxResponseBytes = Math.min(connection.maxResponseBytes, MAX_MESSAGE_BYTES);
  try {
    return { connection: { ...connection, maxResponseBytes }, ...credentialsOf(connection, environment) };
  } catch (error) {
    if (error instanceof MissingVariable) return misconfigured(`For ${target.connection}, ${error.message}.`);
    throw error;
  }
};
