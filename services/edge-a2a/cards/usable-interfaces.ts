import type { AgentCard } from '@a2a-js/sdk';

type Interface = AgentCard['supportedInterfaces'][number];

const BINDINGS = ['JSONRPC', 'HTTP+JSON', 'GRPC'];
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/** gRPC names its interfaces host:port or by URL. */
export const urlOfInterface = ({ url }: Pick<Interface, 'url'>): URL | undefined => {
  const parsed = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(url) ? url : `grpc://${url}`);
  return parsed?.hostname ? parsed : undefined;
};

const sameHost = (a: string, b: string) => a === b || (LOOPBACK.includes(a) && LOOPBACK.includes(b));

/** 1.x and 0.3; what names none is taken for the newest, as cards of before 1.0 are read elsewhere. */
const isKnownVersion = (version: string) => version === '' || /^1\.|^0\.3/.test(version);

/**
 * The interfaces by which the mesh calls an agent, in the agent's order. They have to be at the host that the configuration
 * names: what is sent there holds its credential, and what it names elsewhere may be a place inside of the mesh's own network.
 * What is configured with https is not called without.
 */
export const usableInterfaces = (card: Pick<AgentCard, 'supportedInterfaces'>, configured: string): Interface[] => {
  const home = new URL(configured);
  return card.supportedInterfaces.filter((one) => {
    const at = urlOfInterface(one);
    const isGrpc = one.protocolBinding.toUpperCase() === 'GRPC';
    if (!at || !BINDINGS.includes(one.protocolBinding.toUpperCase()) || !isKnownVersion(one.protocolVersion))
      return false;
    if (!isGrpc && at.protocol !== 'https:' && (at.protocol !== 'http:' || home.protocol === 'https:')) return false;
    return sameHost(at.hostname, home.hostname);
  });
};

/** Whether a gRPC interface is reached by TLS: as its URL says, else as the agent's own URL does. */
export const isSecure = ({ url }: Pick<Interface, 'url'>, configured: string): boolean =>
  /^(https|grpcs):/i.test(url) || new URL(configured).protocol === 'https:';
