/** The outbound edge with servers that ask for a login, and the authorization server that lets in. */
import { expect, onTestFinished, test, vi } from 'vitest';
import type { OAuthConfiguration } from '../../../runtime/configuration.ts';
import { newId } from '../../../runtime/event.ts';
import type { Event } from '../../../runtime/log.ts';
import { createDispatchers } from '../../../runtime/outbound/dispatchers.ts';
import { signing } from '../../../runtime/signing-for-tests.ts';
import { loggedIn, loginKey } from '../../logins/kept-login.ts';
import { createHttpUpstream } from '../http-upstream.ts';
import { type Door, startServer } from '../servers-for-tests.ts';
import { connectionTo, until, world } from '../world-for-tests.ts';
import { authorizationFetch } from './authorization-fetch.ts';
import { CLIENT, startAuthorizationServer } from './authorization-server-for-tests.ts';
import { obtainedLogin } from './obtained-login.ts';
import { byPerson } from './providers.ts';

const byMesh = (issuer: string): OAuthConfiguration => ({
  grant: 'client_credentials',
  issuer,
  clientId: CLIENT.id,
  clientSecret: `\${CLIENT_SECRET}`,
  privateKey: null,
  algorithm: null,
  clientMetadataUrl: null,
  scope: null,
});
const persons: OAuthConfiguration = {
  ...byMesh(''),
  grant: 'authorization_code',
  issuer: null,
  clientId: null,
  clientSecret: null,
};

const started = async (oauthOf: (issuer: string) => OAuthConfiguration, also: Door = () => true) => {
  const letting = await startAuthorizationServer();
  onTestFinished(letting.close);
  // Where the SDK says what it has to say.
  const warned: unknown[] = [];
  const console = vi.spyOn(globalThis.console, 'warn').mockImplementation((...said) => void warned.push(...said));
  onTestFinished(() => console.mockRestore());
  const door = letting.door(() => server.url);
  const server = await startServer(
    ['modern'],
    (request, response) => door(request, response) && also(request, response),
  );
  const w = await world({ one: { url: server.url, oauth: oauthOf(letting.url) } });

  /** As a person does who says yes. */
  const logIn = async (url = server.url): Promise<void> => {
    const dispatchers = createDispatchers();
    const dispatcher = dispatchers.of(connectionTo('one', {}));
    const at = new URL(server.url);
    const provider = byPerson(persons, 'http://127.0.0.1:1/callback');
    const fetchFn = authorizationFetch(dispatcher, [at], 5_000);
    const login = obtainedLogin(at, provider, null, fetchFn, async (to) => {
      const { headers } = await fetch(to, { redirect: 'manual' });
      return new URL(headers.get('location') ?? '').searchParams;
    });
    const upstream = createHttpUpstream({ url: at, headers: {}, dispatcher, maxBytes: 1e6, login }, 5_000, () => {});
    await upstream.standing(new AbortController().signal);
    const { client, tokens, discovery } = provider.login()!;
    const data = await loggedIn(
      {
        server: 'one',
        url,
        issuer: letting.url,
        resource: discovery.resourceMetadata!.resource,
        by: 'owner',
        client,
        authorizationServer: discovery.authorizationServerUrl,
      },
      tokens,
      signing,
      Date.now(),
    );
    const id = newId();
    const event = { id, source: 'configuration', key: loginKey('one'), time: Date.now(), correlationId: id };
    await w.log.append([{ ...event, type: 'LoggedIn', causationId: '', traceparent: '', data } as Event<'LoggedIn'>]);
    await upstream.close();
    await dispatchers.close();
  };
  const asked = (grant: string) => letting.asked.filter((params) => params.get('grant_type') === grant).length;
  const expectNothingShown = () => {
    for (const secret of letting.secrets) {
      expect(w.said.some(({ value }) => value.includes(secret))).toBe(false);
      expect([...w.logged, ...warned].join()).not.toContain(secret);
    }
  };
  return { letting, server, w, logIn, asked, expectNothingShown };
};

type Started = Awaited<ReturnType<typeof started>>;
const calls = async ({ w }: Started, count: number) => {
  const made = await Promise.all(
    Array.from({ length: count }, (_, n) =>
      w.tool('one', 'echo', { said: `${n}` }, undefined, { contextId: `c-${n}` }),
    ),
  );
  return made;
};
/** Nothing of it was taken, so that another target may be tried. */
const failure = async ({ w }: Started, call: Event) => (await w.wait('AttemptFailed', call))[0]!.data.failure;
const answers = async (s: Started, count: number): Promise<string[]> => {
  const made = await calls(s, count);
  return Promise.all(made.map(async (one) => (await s.w.answer(one)).result.content[0].text));
};

test('a client that lets itself in asks for one token, however many call, and for another when it has ended', async () => {
  const s = await started(byMesh);
  await s.w.edge();
  expect(await answers(s, 5)).toEqual([0, 1, 2, 3, 4].map((n) => `modern: ${n}`));
  expect(s.asked('client_credentials')).toBe(1);
  s.letting.endTokens();
  expect(await answers(s, 5)).toHaveLength(5);
  expect(s.asked('client_credentials')).toBe(2);
  s.expectNothingShown();
});

test('what a server says of a token is not shown', async () => {
  const s = await started(byMesh, (request, response) => {
    if (request.headers['mcp-method'] !== 'tools/call') return true;
    void (async () => {
      let text = '';
      for await (const part of request) text += part;
      const result = { content: [], echoed: request.headers.authorization, resultType: 'complete' };
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id: JSON.parse(text).id, result }));
    })();
    return false;
  });
  await s.w.edge();
  const [call] = await calls(s, 1);
  expect((await s.w.answer(call!)).result.echoed).toBe('Bearer [removed]');
  s.expectNothingShown();
});

test('a secret that the authorization server does not take is told as the mesh’s fault, without its words', async () => {
  const s = await started((issuer) => ({ ...byMesh(issuer), clientId: 'another' }));
  await s.w.edge();
  const [call] = await calls(s, 1);
  expect(await failure(s, call!)).toMatchObject({
    reason: 'MISCONFIGURED',
    message: 'The mesh could not log in to the MCP server (invalid_client).',
  });
  s.expectNothingShown();
});

test('a secret goes to the issuer that is configured only', async () => {
  const s = await started(() => byMesh('https://auth.example.com'));
  await s.w.edge();
  const [call] = await calls(s, 1);
  expect((await failure(s, call!)).reason).toBe('MISCONFIGURED');
  expect(s.letting.asked).toEqual([]);
});

test('a server that nobody has logged in to is not called; once somebody has, it is', async () => {
  const s = await started(() => persons);
  await s.w.edge();
  const [call] = await calls(s, 1);
  expect(await failure(s, call!)).toMatchObject({
    reason: 'MISCONFIGURED',
    message: 'Nobody has logged the mesh in to one. Run `parley mcp login one`.',
  });
  expect(s.server.received).toEqual([]);
  await s.logIn();
  await until(() => s.w.said.some(({ type }) => type === 'LoggedIn'));
  expect(await answers(s, 2)).toHaveLength(2);
  expect(s.asked('authorization_code')).toBe(1);
  s.expectNothingShown();
});

test('a login that has ended is renewed once, although two instances find it so at once', async () => {
  const s = await started(() => persons);
  const edges = [await s.w.edge(), await s.w.edge()];
  await s.logIn();
  await until(() => s.w.said.some(({ type }) => type === 'LoggedIn'));
  const ask = (edge: (typeof edges)[number]) =>
    edge.connections.withConnection('one', { signal: AbortSignal.timeout(15_000) }, (peer) =>
      peer.request('tools/list'),
    );
  for (let round = 1; round <= 3; round += 1) {
    await Promise.all([...edges, ...edges].map(ask));
    expect(s.asked('refresh_token')).toBe(round - 1);
    s.letting.endTokens();
    await Promise.all([...edges, ...edges].map(ask));
    expect(s.asked('refresh_token')).toBe(round);
  }
  expect(s.w.said.filter(({ type }) => type === 'LoggedIn')).toHaveLength(4);
  s.expectNothingShown();
});

test('a token that is about to end is renewed before it is shown', async () => {
  const s = await started(() => persons);
  await s.w.edge();
  s.letting.expiresIn = 5;
  await s.logIn();
  await until(() => s.w.said.some(({ type }) => type === 'LoggedIn'));
  s.letting.expiresIn = 3600;
  expect(await answers(s, 3)).toHaveLength(3);
  expect(s.asked('refresh_token')).toBe(1);
});

test('a login that is not renewed any more has ended, and another begins', async () => {
  const s = await started(() => persons);
  await s.w.edge();
  await s.logIn();
  expect(await answers(s, 1)).toHaveLength(1);
  s.letting.refusesRefresh = { status: 400, error: 'invalid_grant' };
  s.letting.endTokens();
  const [call] = await calls(s, 1);
  expect((await failure(s, call!)).message).toBe(
    'The login to one has ended: the authorization server does not renew it (invalid_grant). Run `parley mcp login one`.',
  );
  expect(s.w.said.filter(({ type }) => type === 'LoggedOut')).toHaveLength(1);
  await s.logIn();
  await until(() => s.w.said.at(-1)?.type === 'LoggedIn');
  expect(await answers(s, 1)).toHaveLength(1);
  s.expectNothingShown();
});

test('an authorization server that fails ends no login', async () => {
  const s = await started(() => persons);
  await s.w.edge();
  await s.logIn();
  expect(await answers(s, 1)).toHaveLength(1);
  s.letting.refusesRefresh = { status: 503, error: 'server_error' };
  s.letting.endTokens();
  const [call] = await calls(s, 1);
  expect(await failure(s, call!)).toMatchObject({
    reason: 'UPSTREAM_ERROR',
    message: 'The login to one could not be renewed in time.',
  });
  s.letting.refusesRefresh = undefined;
  expect(await answers(s, 1)).toHaveLength(1);
  expect(s.w.said.some(({ type }) => type === 'LoggedOut')).toBe(false);
  s.expectNothingShown();
});

test('a login for another URL is not shown', async () => {
  const s = await started(() => persons);
  await s.w.edge();
  await s.logIn('https://tools.example.com/mcp');
  const before = s.server.received.length;
  await until(() => s.w.said.some(({ type }) => type === 'LoggedIn'));
  const [call] = await calls(s, 1);
  expect((await failure(s, call!)).message).toBe('The login to one is for another URL. Run `parley mcp login one`.');
  expect(s.server.received).toHaveLength(before);
});

test('a login that does not cover what is asked for says what is missing', async () => {
  const s = await started(
    () => persons,
    (request, response) => {
      if (request.headers['mcp-method'] !== 'tools/call') return true;
      response.writeHead(403, { 'www-authenticate': 'Bearer error="insufficient_scope", scope="use write"' }).end();
      return false;
    },
  );
  await s.w.edge();
  await s.logIn();
  await until(() => s.w.said.some(({ type }) => type === 'LoggedIn'));
  const [call] = await calls(s, 1);
  expect((await failure(s, call!)).message).toBe(
    'The login to one does not cover what it asks for: use write. Run `parley mcp login one`.',
  );
});

test.each([
  ['http://tools.internal:8080/x', 'https://tools.internal/mcp', 'where there is no TLS'],
  ['http://169.254.169.254/latest', 'http://tools.internal/mcp', 'where there is no TLS'],
  ['file:///etc/passwd', 'http://tools.internal/mcp', 'where there is no TLS'],
  ['http://127.0.0.1:1/x', 'http://127.0.0.1:2/mcp', 'could not be reached'],
])('%s, named by %s: %s', async (named, server, why) => {
  const dispatchers = createDispatchers();
  onTestFinished(() => dispatchers.close());
  const fetchFn = authorizationFetch(dispatchers.of(connectionTo('one', {})), [new URL(server)], 5_000);
  await expect(fetchFn(named)).rejects.toThrow(why);
});
