import type { Configuration } from '../../runtime/configuration.ts';
import type { Definitions } from '../../runtime/mcp/definitions.ts';
import type { Surroundings } from './assess.ts';
import { type Index, indexOf } from './rules/shadowing.ts';

type Servers = Pick<Configuration, 'servers' | 'resources'>;

/** Servers that are meant to offer the same: twins, and one that its callers are to use instead of a deprecated one. */
const kinOf = ({ servers, resources }: Servers, server: string): ReadonlySet<string> => {
  const follow = servers.flatMap(({ name, deprecated }) =>
    servers
      .filter((other) => other.name !== name && deprecated?.split(/[^\w.-]+|[.](?=\s|$)/).includes(other.name))
      .map((other) => [name, other.name]),
  );
  const twins = resources
    .filter(({ type }) => type === 'server')
    .flatMap(({ id, targets }) => targets.map(({ name }) => [id, name]));
  const pairs = [...follow, ...twins].filter((pair) => pair.includes(server));
  return new Set([server, ...pairs.flat()]);
};

/**
 * Names that were approved for servers of the configuration. They are theirs also while what they name has changed and waits, or is
 * not listed just now: it would come back to find another's in its place.
 */
export const takenOf = ({ all }: Definitions, { servers }: Servers): Index => {
  const configured = new Set(servers.map(({ name }) => name));
  return indexOf([...all.values()].filter((one) => configured.has(one.server) && one.reviewed?.verdict === 'APPROVED'));
};

/** What stands beside the definitions of a server. */
export const surroundingsOf = (
  { all }: Definitions,
  configuration: Servers,
  server: string,
  taken: Index,
): Surroundings => {
  const own = [...all.values()].filter((one) => one.server === server).map(({ name }) => name.toLowerCase());
  return { own: new Set(own), neighbours: taken.besides(kinOf(configuration, server)) };
};
