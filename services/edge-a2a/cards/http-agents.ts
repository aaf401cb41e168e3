import type { Configuration, Connection } from '../../runtime/configuration.ts';

/** The connections of the agents that are A2A servers beyond the mesh, by the agents' names. */
export const httpAgents = (configuration: Configuration | undefined): Map<string, Connection> => {
  const connections = new Map(configuration?.connections.map((connection) => [connection.id, connection]));
  const agents = configuration?.agents.filter(({ kind }) => kind === 'http') ?? [];
  return new Map(
    agents.flatMap(({ name }) => {
      const connection = connections.get(`agent:${name}`);
      return connection?.protocol === 'a2a' ? [[name, connection] as const] : [];
    }),
  );
};
