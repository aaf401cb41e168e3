/** Where a person's browser comes back to (RFC 8252, 7.3). */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Loopback {
  redirectUrl: string;
  /** What comes back with this state. */
  answerTo(state: string): Promise<URLSearchParams>;
  close(): void;
}

const say = (response: ServerResponse, status: number, text: string) =>
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' }).end(text);

/** @param port 0: any free one. @throws where it is taken */
export const openLoopback = async (port: number): Promise<Loopback> => {
  const waiting = new Map<string, (answer: URLSearchParams) => void>();
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
    const take = waiting.get(searchParams.get('state') ?? '');
    if (pathname !== '/callback' || !take)
      return say(response, 404, 'This is not the end of a login that is under way.');
    say(response, 200, 'The terminal says what has come of the login. This window can be closed.');
    take(searchParams);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    redirectUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`,
    answerTo: (state) => new Promise((resolve) => waiting.set(state, resolve)),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
};
