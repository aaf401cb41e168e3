import type { FastifyInstance } from 'fastify';

const SWEEP_MS = 50;
/** By then every edge has stopped: what is left is clients that send half a request. */
const FORCE_MS = 5_000;

/**
 * Lets `close` end as soon as the requests in flight have: node closes the connections that are idle when the server
 * closes, and leaves those that become idle later to the keep-alive timeout.
 */
export const closeSweeping = (http: FastifyInstance): void => {
  http.addHook('preClose', async () => {
    const { server } = http;
    const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
    const force = setTimeout(() => server.closeAllConnections(), FORCE_MS);
    server.once('close', () => {
      clearInterval(sweep);
      clearTimeout(force);
    });
  });
};
