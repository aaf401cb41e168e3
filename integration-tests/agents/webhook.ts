/** A client's receiver of push notifications, which believes only what the mesh has signed. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose';

export interface Told {
  headers: IncomingMessage['headers'];
  /** A2A JSON of a StreamResponse. */
  update: Record<string, { status?: { state: string } }>;
  claims: JWTPayload;
}

export interface Webhook {
  url: string;
  told: Told[];
  /** Why something was not believed. */
  refused: unknown[];
  close(): Promise<void>;
}

/** @param mesh its URL, where its keys are and who it says to be. */
export const startWebhook = async (mesh: string): Promise<Webhook> => {
  const jwks = createRemoteJWKSet(new URL('/.well-known/jwks.json', mesh));
  const told: Told[] = [];
  const refused: unknown[] = [];
  const take = async (request: IncomingMessage) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    const token = String(request.headers['x-parley-signature']);
    const expected = { typ: 'parley-push+jwt', issuer: mesh, audience: origin };
    const { payload: claims } = await jwtVerify(token, jwks, expected);
    if (claims.sha256 !== createHash('sha256').update(body).digest('hex')) throw new Error('another body');
    told.push({ headers: request.headers, update: JSON.parse(body.toString()), claims });
  };
  const server = createServer((request, response) => {
    take(request).then(
      () => response.writeHead(204).end(),
      (error) => {
        refused.push(error);
        response.writeHead(400).end();
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `${origin}/hook`, told, refused, close };
};
