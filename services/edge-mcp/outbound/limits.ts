/** What holds for one call of what the configuration says of its server and of its tool. */
import type { Configuration } from '../../runtime/configuration.ts';
import { MAX_MESSAGE_BYTES } from '../../runtime/outbound/ready.ts';

export interface ResultLimits {
  /** Of the answer as JSON in UTF-8; never more than the log can hold. */
  maxBytes: number;
  tooLarge: 'refuse' | 'truncate';
}

/** What the configuration says of a server, and of a tool of it; nothing of what it does not have. */
export const configuredOf = (configuration: Configuration | undefined, connection: string, tool: string) => {
  const server = configuration?.servers.find((one) => one.connection === connection);
  return { server, tool: server?.tools.find(({ name }) => name === tool) };
};

/** @param tool empty: what is called is none */
export const resultLimitsOf = (
  configuration: Configuration | undefined,
  connection: string,
  tool: string,
): ResultLimits => {
  const found = configuredOf(configuration, connection, tool);
  const maxBytes = found.tool?.resultBytes ?? found.server?.resultBytes ?? MAX_MESSAGE_BYTES;
  const tooLarge = found.tool?.tooLarge ?? found.server?.tooLarge ?? 'refuse';
  return { maxBytes: Math.min(maxBytes, MAX_MESSAGE_BYTES), tooLarge };
};

interface Timeouts {
  firstByteTimeoutMs: number;
  idleTimeoutMs: number;
}

/** The server's own where its tool has none. */
export const timeoutsOf = <T extends Timeouts>(
  configuration: Configuration | undefined,
  server: T & { id: string },
  tool: string,
): T => {
  const own = configuredOf(configuration, server.id, tool).tool;
  return {
    ...server,
    firstByteTimeoutMs: own?.firstByteTimeoutMs ?? server.firstByteTimeoutMs,
    idleTimeoutMs: own?.idleTimeoutMs ?? server.idleTimeoutMs,
  };
};
