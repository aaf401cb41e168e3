/** A load balancer without affinity in front of replicas, which gives every request that has no key one. */
import { Agent, createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Balancer {
  url: string;
  close(): Promise<void>;
}

const KEEP_ALIVE_MS = 72_000;

/** Hosts, origins and streams pass through it as they are. */
export const startBalancer = async (replicas: readonly string[], key: string): Promise<Balancer> => {
  // A connection that is used again may be ended by the other side just then.
  const agent = new Agent({ keepAlive: false });
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (incoming, response) => {
    const { hostname, port } = new URL(replicas[Math.floor(Math.random() * replicas.length)]!);
    const { method, url: path } = incoming;
    const headers = { authorization: `Bearer ${key}`, ...incoming.headers };
    const outgoing = forward({ hostname, port, method, path, headers, agent }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    outgoing.on('error', () => response.destroy());
    response.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
