import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { AgentCard, generateAgentCardSignature } from '@a2a-js/sdk';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import pino from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { canonicalJson } from '../../runtime/canonical-json.ts';
import type { Connection } from '../../runtime/configuration.ts';
import type { AnyRecorded, Recorded } from '../../runtime/log.ts';
import { createMemoryLog, MemoryCluster } from '../../runtime/memory-log.ts';
import { configurationOf, connectionTo, contextOf, until } from '../outbound/world-for-tests.ts';
import { cardUrlOf, startCards } from './cards.ts';
import { followCards } from './known-cards.ts';
import { readCard } from './read-card.ts';

const card = (url: string, more: object = {}) => ({
  name: 'helper',
  description: 'helps',
  version: '1',
  supportedInterfaces: [{ url, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
  capabilities: { streaming: true },
  defaultInputModes: ['text/plain'],
  defaultOutputModes: ['text/plain'],
  skills: [{ id: 's', name: 's', description: 's', tags: ['t'] }],
  ...more,
});

type Answer = (request: IncomingMessage, response: ServerResponse, url: string) => void;
const answering =
  (body: (url: string) => unknown): Answer =>
  (_, response, url) => {
    const said = body(url);
    response.setHeader('content-type', 'application/json');
    response.end(typeof said === 'string' ? said : JSON.stringify(said));
  };

const world = async (answer: Answer, connection: Partial<Connection> = {}) => {
  const server = createServer((request, response) => current(request, response, url));
  let current = answer;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cluster = new MemoryCluster();
  const log = await createMemoryLog(cluster);
  const said: AnyRecorded[] = [];
  await log.tail(['mesh.agents'], (record) => said.push(record), { from: 'beginning' });
  let configuration = configurationOf([connectionTo(url, connection)]);
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await log.crash();
  });
  return {
    url,
    said,
    answer: (next: Answer) => {
      current = next;
    },
    configure: (version: string) => {
      configuration = { ...configuration, version };
    },
    start: async (everyMs = 20) => {
      const own = await createMemoryLog(cluster);
      const known = await followCards(own, pino({ level: 'silent' }));
      const cards = startCards(
        contextOf(own, () => configuration),
        known,
        { everyMs, lookMs: 5 },
      );
      onTestFinished(async () => {
        await cards.stop();
        await known.close();
        await own.crash();
      });
      return known;
    },
    published: () => said.filter((r) => r.type === 'AgentCardPublished') as Recorded<'AgentCardPublished'>[],
    refused: () => said.filter((r) => r.type === 'AgentCardRefused') as Recorded<'AgentCardRefused'>[],
  };
};

describe('an agent’s card', () => {
  test('is taken once, whoever sees it, and again where it is another one', async () => {
    const mesh = await world(answering((url) => card(`${url}/rpc`)));
    const known = await mesh.start();
    const other = await mesh.start();
    await until(() => known.of('helper') && other.of('helper'));
    const changes: string[] = [];
    known.changed((agent) => changes.push(agent));
    mesh.answer(answering((url) => card(`${url}/rpc`, { description: 'helps more' })));
    await until(() => other.of('helper')?.card.description === 'helps more');
    await until(() => changes.length > 0);
    const ids = new Set(mesh.published().map(({ id }) => id));
    expect(ids.size).toBe(2);
    const [first] = mesh.published();
    expect(first).toMatchObject({ key: 'helper', data: { agent: 'helper', signature: 'UNSIGNED' } });
    expect(AgentCard.fromJSON(JSON.parse(first!.data.card.toString())).name).toBe('helper');
  });

  test('is looked at again as soon as the configuration is another one', async () => {
    const mesh = await world(answering((url) => card(`${url}/rpc`)));
    const known = await mesh.start(3_600_000);
    await until(() => known.of('helper'));
    mesh.answer(answering((url) => card(`${url}/rpc`, { version: '2' })));
    mesh.configure('another');
    await until(() => known.of('helper')?.card.version === '2');
  });

  test('of A2A 0.3 is made one of 1.0', async () => {
    const mesh = await world(
      answering((url) => ({
        protocolVersion: '0.3.0',
        name: 'helper',
        description: 'helps',
        version: '1',
        url: `${url}/rpc`,
        preferredTransport: 'JSONRPC',
        capabilities: { streaming: true },
        defaultInputModes: [],
        defaultOutputModes: [],
        skills: [],
      })),
    );
    const known = await mesh.start();
    const { card } = await until(() => known.of('helper'));
    expect(card.supportedInterfaces).toMatchObject([{ protocolBinding: 'JSONRPC', url: `${mesh.url}/rpc` }]);
    expect(card.supportedInterfaces[0]?.protocolVersion).toMatch(/^0\.3/);
  });

  test.each<[string, Answer, string]>([
    ['is no JSON', answering(() => '<html>'), 'not JSON'],
    ['is a list', answering(() => []), 'not a JSON object'],
    ['has no name', answering((url) => card(url, { name: '' })), 'name'],
    ['names no interface', answering((url) => card(url, { supportedInterfaces: [] })), 'supportedInterfaces'],
    ['is something else', answering(() => ({ hello: 1 })), 'not an agent card'],
    ['leads elsewhere', answering(() => card('http://169.254.169.254/rpc')), 'at its own host'],
    ['is endless', answering((url) => card(url, { description: 'x'.repeat(2_000_000) })), 'larger than'],
    [
      'is nested without end',
      answering((url) => JSON.stringify(card(url)).replace('"helps"', `${'['.repeat(50_000)}${']'.repeat(50_000)}`)),
      '',
    ],
    ['is not there', (_, response) => response.writeHead(404).end('secret words'), 'status 404'],
    ['leads on', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), 'status 302'],
    ['breaks off', (_, response) => response.destroy(), 'could not be fetched'],
  ])('that %s is refused once, and the one before stays', async (_, answer, why) => {
    const mesh = await world(answering((url) => card(`${url}/rpc`)));
    const known = await mesh.start();
    await until(() => known.of('helper'));
    let seen = 0;
    mesh.answer((...all) => {
      seen += 1;
      answer(...all);
    });
    await until(() => mesh.refused().length > 0);
    await until(() => seen > 3);
    expect(mesh.refused()).toHaveLength(1);
    const [{ data, key }] = mesh.refused() as [Recorded<'AgentCardRefused'>];
    expect(data.reason).toContain(why);
    expect(data.reason).not.toContain('secret words');
    expect(key).toBe('helper refused');
    expect(known.of('helper')?.card.description).toBe('helps');
  });
});

/** An agent that has an extended card, and gives it as `give` says; its keys are at `/keys`. */
const having =
  (give: Answer, keys: JWK[] = [], more: object = {}): Answer =>
  (request, response, url) => {
    if (request.url === '/keys') return void response.end(JSON.stringify({ keys }));
    if (request.method === 'POST' || request.url?.endsWith('/extendedAgentCard')) return give(request, response, url);
    const capabilities = { streaming: true, extendedAgentCard: true };
    answering(() => card(`${url}/rpc`, { capabilities, ...more }))(request, response, url);
  };

/** Answers a call of JSON-RPC. */
const rpc =
  (said: (url: string) => object): Answer =>
  async (request, response, url) => {
    const { id } = (await json(request)) as { id: number };
    answering(() => ({ jsonrpc: '2.0', id, ...said(url) }))(request, response, url);
  };

describe('an extended card', () => {
  const result = (more: object = {}): Answer =>
    rpc((url) => ({ result: card(`${url}/rpc`, { description: 'helps more', ...more }) }));
  const refusal = rpc(() => ({ error: { code: -32007, message: 'secret words' } }));

  test('is asked for with the agent’s credential, and is in the log with its card', async () => {
    const asked: unknown[] = [];
    const mesh = await world(
      having((request, response, url) => {
        asked.push([request.headers.authorization, request.headers['x-own'], request.headers['a2a-version']]);
        result()(request, response, url);
      }),
    );
    const known = await mesh.start();
    await until(() => known.of('helper')?.extended);
    expect(known.of('helper')).toMatchObject({
      card: { description: 'helps' },
      extended: { description: 'helps more' },
    });
    expect(asked[0]).toEqual(['Bearer sk-agent-secret', 'yes', '1.0']);
    const digest = createHash('sha256');
    const [{ data }] = mesh.published() as [Recorded<'AgentCardPublished'>];
    expect(data.digest).toBe(digest.update(data.card).update(data.extendedCard!).digest('hex'));
  });

  test.each(['JSONRPC', 'HTTP+JSON'])('comes by %s', async (protocolBinding) => {
    const mesh = await world((request, response, url) => {
      const interfaces = [{ url: `${url}/rpc`, protocolBinding, protocolVersion: '1.0' }];
      const give = protocolBinding === 'JSONRPC' ? result() : answering((url) => card(url, { description: 'more' }));
      having(give, [], { supportedInterfaces: interfaces })(request, response, url);
    });
    const known = await mesh.start();
    await until(() => known.of('helper')?.extended);
  });

  test('is asked for again and again, and published where it is another one, and where there is none any more', async () => {
    const mesh = await world(having(result()));
    const known = await mesh.start();
    await until(() => known.of('helper')?.extended);
    mesh.answer(having(result({ version: '2' })));
    await until(() => known.of('helper')?.extended?.version === '2');
    mesh.answer(answering((url) => card(`${url}/rpc`)));
    await until(() => known.of('helper')?.extended === undefined);
    expect(mesh.published()).toHaveLength(3);
    expect(mesh.refused()).toEqual([]);
  });

  test.each<[string, Answer, string]>([
    ['is not configured', refusal, 'EXTENDED_AGENT_CARD_NOT_CONFIGURED'],
    ['may not be seen', (_, response) => response.writeHead(401).end('secret words'), 'MISCONFIGURED'],
    ['has no name', result({ name: '' }), 'name'],
    ['has a signature that is none', result({ signatures: [{ protected: 'x', signature: 'y' }] }), 'does not hold'],
    ['is endless', result({ description: 'x'.repeat(1_500_000) }), 'RESPONSE_TOO_LARGE'],
    ['breaks off', (_, response) => response.destroy(), 'it was not given'],
  ])(
    'that %s is refused once; the card is taken without, or with the one before while it is the same',
    async (_, give, why) => {
      const mesh = await world(having(give));
      const known = await mesh.start();
      await until(() => known.of('helper') && mesh.refused().length > 0);
      expect(known.of('helper')?.extended).toBeUndefined();
      const [{ data }] = mesh.refused() as [Recorded<'AgentCardRefused'>];
      expect(data.reason).toMatch(/^The extended card was not taken: /);
      expect(data.reason).toContain(why);
      expect(data.reason).not.toContain('secret words');
      mesh.answer(having(result()));
      await until(() => known.of('helper')?.extended);
      let seen = 0;
      mesh.answer(
        having((...all) => {
          seen += 1;
          give(...all);
        }),
      );
      await until(() => seen > 3);
      expect(known.of('helper')?.extended?.description).toBe('helps more');
      expect(mesh.refused()).toHaveLength(1);
      mesh.answer(having(give, [], { version: '2' }));
      await until(() => known.of('helper')?.card.version === '2');
      expect(known.of('helper')?.extended).toBeUndefined();
    },
  );

  test('is not asked for where the card says that there is none', async () => {
    let asked = 0;
    const mesh = await world((request, response, url) => {
      if (request.method === 'POST') asked += 1;
      answering(() => card(`${url}/rpc`))(request, response, url);
    });
    const known = await mesh.start();
    await until(() => known.of('helper'));
    expect([asked, mesh.published()[0]?.data.extendedCard]).toEqual([0, null]);
  });
});

describe('a signed card', () => {
  const keyPair = async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    return { jwk: { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }, privateKey };
  };
  type Pair = Awaited<ReturnType<typeof keyPair>>;
  /** Signs as the SDK does; keys are served at `/keys`. */
  const signed =
    (
      { privateKey }: Pair,
      keys: JWK[],
      change: (card: Record<string, unknown>, url: string) => object,
      jku = '',
    ): Answer =>
    async (request, response, url) => {
      if (request.url === '/keys') return void response.end(JSON.stringify({ keys }));
      const header = { alg: 'ES256', kid: 'k1', typ: 'JOSE', jku: jku || `${url}/keys` };
      const whole = await generateAgentCardSignature(privateKey, header)(AgentCard.fromJSON(card(`${url}/rpc`)));
      response.end(JSON.stringify(change(AgentCard.toJSON(whole) as Record<string, unknown>, url)));
    };
  const asIs = (card: object) => card;

  test('whose signature holds is verified', async () => {
    const pair = await keyPair();
    const mesh = await world(signed(pair, [pair.jwk], asIs));
    const known = await mesh.start();
    await until(() => known.of('helper'));
    expect(known.of('helper')?.signature).toBe('VERIFIED');
  });

  test('may be an extended one', async () => {
    const pair = await keyPair();
    const capabilities = { extendedAgentCard: true };
    const give: Answer = async (request, response, url) => {
      const header = { alg: 'ES256', kid: 'k1', typ: 'JOSE', jku: `${url}/keys` };
      const whole = AgentCard.fromJSON(card(`${url}/rpc`, { description: 'helps more', capabilities }));
      const signature = await generateAgentCardSignature(pair.privateKey, header)(whole);
      rpc(() => ({ result: AgentCard.toJSON(signature) as object }))(request, response, url);
    };
    const mesh = await world(having(give, [pair.jwk]));
    const known = await mesh.start();
    await until(() => known.of('helper')?.extended);
    expect(known.of('helper')?.extended?.signatures).toHaveLength(1);
    expect(mesh.refused()).toEqual([]);
  });

  test('of several signatures one has to hold', async () => {
    const pair = await keyPair();
    const withOld = (card: Record<string, unknown>) => {
      const [good] = card.signatures as { signature: string }[];
      return { ...card, signatures: [{ ...good, signature: `A${good!.signature.slice(1)}` }, good] };
    };
    const mesh = await world(signed(pair, [pair.jwk], withOld));
    const known = await mesh.start();
    await until(() => known.of('helper'));
    expect(known.of('helper')?.signature).toBe('VERIFIED');
  });

  test.each<[string, (pair: Pair, other: Pair) => Answer, string]>([
    [
      'was changed',
      (pair) => signed(pair, [pair.jwk], (c) => ({ ...c, description: 'changed' })),
      'verification failed',
    ],
    ['is signed by another key', (pair, other) => signed(other, [pair.jwk], asIs), 'verification failed'],
    ['has a key that is gone', (pair) => signed(pair, [], asIs), 'no applicable key'],
    [
      'has its key elsewhere',
      (pair) => signed(pair, [pair.jwk], asIs, 'http://127.0.0.1:1/keys'),
      'not where the card is',
    ],
    [
      'has a signature that is none',
      (pair) => signed(pair, [pair.jwk], (c) => ({ ...c, signatures: [{ protected: 'x' }] })),
      'does not hold',
    ],
    [
      'has signatures that are none',
      (pair) => signed(pair, [pair.jwk], (c) => ({ ...c, signatures: 'x' })),
      'cannot be read',
    ],
  ])('that %s is refused', async (_, answer, why) => {
    const mesh = await world(answer(await keyPair(), await keyPair()));
    const known = await mesh.start();
    await until(() => mesh.refused().length > 0);
    expect(mesh.refused()[0]?.data.reason).toContain(why);
    expect(known.of('helper')).toBeUndefined();
  });
});

test('a card is where its agent’s URL says', () => {
  expect(cardUrlOf('https://a.example/x/').href).toBe('https://a.example/x/.well-known/agent-card.json');
  expect(cardUrlOf('https://a.example').href).toBe('https://a.example/.well-known/agent-card.json');
  expect(cardUrlOf('https://a.example/cards/one.json').href).toBe('https://a.example/cards/one.json');
});

test('JSON in canonical form: the example of RFC 8785, 3.2.2', () => {
  const input =
    '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}';
  expect(canonicalJson(JSON.parse(input))).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
});

test('what is no UTF-8 is no card', () => {
  expect(() => readCard(Buffer.from([0x7b, 0xff, 0x7d]))).toThrow('not JSON');
});
