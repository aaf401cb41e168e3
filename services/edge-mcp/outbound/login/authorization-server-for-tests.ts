/** A real authorization server on the loopback (OAuth 2.1 as MCP uses it), and the door of the MCP server that it lets into. */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Grant {
  scope: string;
  resource: string;
  client: string;
}

interface Code extends Grant {
  challenge: string;
  redirectUri: string;
}

export interface AuthorizationServer {
  url: string;
  /** Every request for a token, as it was sent, in order. */
  asked: URLSearchParams[];
  /** Every token, secret and code that it ever gave. */
  secrets: string[];
  /** How long the next tokens are good for, seconds; undefined: it does not say, and they are good for ever. */
  expiresIn: number | undefined;
  /** What it answers a refresh with instead. */
  refusesRefresh: { status: number; error: string } | undefined;
  /** Of all access tokens that were given. */
  endTokens(): void;
  /** Lets a request in, or answers 401. @param resource the MCP server's URL */
  door(resource: () => string): (request: IncomingMessage, response: ServerResponse) => boolean;
  close(): Promise<void>;
}

export const CLIENT = { id: 'mesh', secret: 'cs-of-the-mesh-0123456789' };

const s256 = (verifier: string) => createHash('sha256').update(verifier).digest('base64url');

export const startAuthorizationServer = async (): Promise<AuthorizationServer> => {
  const clients = new Map([[CLIENT.id, CLIENT.secret]]);
  const codes = new Map<string, Code>();
  const access = new Map<string, Grant & { until: number }>();
  const refresh = new Map<string, Grant & { used: boolean }>();

  const secret = (kind: string): string => {
    const made = `${kind}-${randomBytes(24).toString('base64url')}`;
    running.secrets.push(made);
    return made;
  };
  const give = (grant: Grant, refreshable: boolean) => {
    const { expiresIn } = running;
    const token = secret('at');
    access.set(token, { ...grant, until: expiresIn === undefined ? Number.MAX_VALUE : Date.now() + expiresIn * 1000 });
    const more = refreshable ? secret('rt') : undefined;
    if (more) refresh.set(more, { ...grant, used: false });
    return {
      access_token: token,
      token_type: 'Bearer',
      scope: grant.scope,
      ...(expiresIn === undefined ? {} : { expires_in: expiresIn }),
      ...(more ? { refresh_token: more } : {}),
    };
  };

  const clientOf = (request: IncomingMessage, params: URLSearchParams): string | undefined => {
    const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const [id, given] = basic
      ? Buffer.from(basic, 'base64').toString().split(':')
      : [params.get('client_id') ?? '', params.get('client_secret') ?? ''];
    return clients.get(id ?? '') === given ? id : undefined;
  };

  const token = (request: IncomingMessage, params: URLSearchParams): { status: number; body: object } => {
    running.asked.push(params);
    const refused = (error: string, status = 400) => ({
      status,
      // As a careless server would.
      body: { error, error_description: `You sent ${params} and ${request.headers.authorization}` },
    });
    const client = clientOf(request, params);
    if (client === undefined) return refused('invalid_client', 401);
    const resource = params.get('resource') ?? '';
    switch (params.get('grant_type')) {
      case 'client_credentials':
        return { status: 200, body: give({ scope: params.get('scope') ?? '', resource, client }, false) };
      case 'authorization_code': {
        const code = codes.get(params.get('code') ?? '');
        codes.delete(params.get('code') ?? '');
        const isRight =
          code?.client === client &&
          code.redirectUri === params.get('redirect_uri') &&
          code.challenge === s256(params.get('code_verifier') ?? '');
        return isRight ? { status: 200, body: give(code, true) } : refused('invalid_grant');
      }
      case 'refresh_token': {
        const { refusesRefresh } = running;
        if (refusesRefresh) return refused(refusesRefresh.error, refusesRefresh.status);
        const grant = refresh.get(params.get('refresh_token') ?? '');
        // Used twice it is somebody else's: all that came of it ends (RFC 9700, 4.14.2).
        if (grant?.used) refresh.clear();
        if (grant?.client !== client || grant.used) return refused('invalid_grant');
        grant.used = true;
        return { status: 200, body: give(grant, true) };
      }
      default:
        return refused('unsupported_grant_type');
    }
  };

  const json = (response: ServerResponse, status: number, body: object) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', running.url);
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const text = Buffer.concat(parts).toString();
    if (pathname === '/.well-known/oauth-authorization-server')
      return json(response, 200, {
        issuer: running.url,
        authorization_endpoint: `${running.url}/authorize`,
        token_endpoint: `${running.url}/token`,
        registration_endpoint: `${running.url}/register`,
        response_types_supported: ['code'],
        grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
        code_challenge_methods_supported: ['S256'],
        token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
        authorization_response_iss_parameter_supported: true,
      });
    if (pathname === '/register') {
      const id = `client-${randomBytes(6).toString('hex')}`;
      clients.set(id, secret('cs'));
      return json(response, 201, { ...JSON.parse(text), client_id: id, client_secret: clients.get(id) });
    }
    if (pathname === '/authorize') {
      const [scope, resource] = [searchParams.get('scope') ?? '', searchParams.get('resource') ?? ''];
      const redirectUri = searchParams.get('redirect_uri') ?? '';
      const grant = { scope, resource, client: searchParams.get('client_id') ?? '' };
      const code = secret('code');
      codes.set(code, { ...grant, redirectUri, challenge: searchParams.get('code_challenge') ?? '' });
      const back = new URL(redirectUri);
      back.search = String(new URLSearchParams({ code, state: searchParams.get('state') ?? '', iss: running.url }));
      return response.writeHead(302, { location: back.href }).end();
    }
    if (pathname === '/token') {
      const { status, body } = token(request, new URLSearchParams(text));
      return json(response, status, body);
    }
    return json(response, 404, { error: 'not_found' });
  };

  const server = createServer((request, response) => void serve(request, response).catch(() => response.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const running: AuthorizationServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    secrets: [CLIENT.secret],
    expiresIn: undefined,
    refusesRefresh: undefined,
    endTokens: () => {
      for (const one of access.values()) one.until = 0;
    },
    door: (resource) => (request, response) => {
      const about = new URL('/.well-known/oauth-protected-resource', resource()).href;
      if (request.url === '/.well-known/oauth-protected-resource') {
        json(response, 200, { resource: resource(), authorization_servers: [running.url], scopes_supported: ['use'] });
        return false;
      }
      const grant = access.get((request.headers.authorization ?? '').replace(/^Bearer /, ''));
      if (grant && grant.until > Date.now() && grant.resource === resource()) return true;
      const challenge = `Bearer resource_metadata="${about}", scope="use"`;
      response.writeHead(401, { 'www-authenticate': challenge }).end();
      return false;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return running;
};
