import { AgentCard, type AgentCard as Card, verifyAgentCardSignature } from '@a2a-js/sdk';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { bindings, createWorld, KEY, STRANGER_KEY, type World } from './harness.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

const declared = { capabilities: { streaming: true, extendedAgentCard: true } };
const secret = { id: 'secret', name: 'Secret', description: 'For those who may.', tags: [] };
/** Says nothing of itself being an extended one, as many do not. */
const extended = {
  description: 'For those who may.',
  capabilities: { streaming: true },
  skills: [secret],
  securitySchemes: { own: { apiKeySecurityScheme: { name: 'x-key', location: 'header' } } },
  defaultInputModes: ['text/plain', 'application/x-secret'],
};
const skillsOf = ({ skills }: Pick<Card, 'skills'>) => skills.map(({ id }) => id);

const post = async (method: string, { key = KEY, agent = 'helper', version = '1.0' } = {}) => {
  const headers = { 'content-type': 'application/json', 'a2a-version': version, authorization: `Bearer ${key}` };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method });
  const answered = await fetch(`${world.url}/a2a/${agent}`, { method: 'POST', headers, body });
  return (await answered.json()) as { result?: unknown; error?: { code: number; message: string } };
};

const callers = bindings.flatMap((binding) => (['1.0', '0.3'] as const).map((version) => ({ binding, version })));

describe.each(callers)('a client that speaks $binding of A2A $version', ({ binding, version }) => {
  it('that may send to an agent gets its extended card, as the mesh’s', async () => {
    await world.publish('helper', declared, extended);
    const card = await (await world.client(binding, { version })).getAgentCard();
    expect([card.description, skillsOf(card)]).toEqual(['For those who may.', ['secret']]);
    expect(card.capabilities?.extendedAgentCard).toBe(true);
    expect(Object.keys(card.securitySchemes)).toEqual(['bearer']);
    expect(JSON.stringify(card)).not.toContain('upstream.example');
  });

  it('that may not is told of no such agent', async () => {
    await world.publish('helper', declared, extended);
    await world.publish('planner', declared, extended);
    const stranger = await world.client(binding, { version, key: STRANGER_KEY });
    await expect(stranger.getAgentCard()).rejects.toThrow('no agent helper');
    if (binding === 'GRPC' && version === '0.3') return;
    const denied = await world.client(binding, { version, agent: 'planner' });
    await expect(denied.getAgentCard()).rejects.toThrow('no agent planner');
  });

  it('is told that an agent that says it has one gave none', async () => {
    await world.publish('helper', declared);
    const client = await world.client(binding, { version });
    await expect(client.getAgentCard()).rejects.toThrow('not given its extended card');
  });
});

describe('the extended card', () => {
  it('is signed with the key of the mesh', async () => {
    await world.publish('helper', declared, extended);
    const card = AgentCard.fromJSON((await post('GetExtendedAgentCard')).result);
    expect(card.supportedInterfaces.every(({ url }) => url.includes('127.0.0.1'))).toBe(true);
    const keyOf = async (kid: string) => world.signing.keySet.keys.find((key) => key.kid === kid)!;
    await verifyAgentCardSignature(keyOf)(card);
    // The SDK tells the console of each signature that does not hold.
    const debug = vi.spyOn(console, 'debug').mockImplementation(() => {});
    onTestFinished(() => debug.mockRestore());
    const forged = { ...card, description: 'Another.' };
    await expect(verifyAgentCardSignature(keyOf)(forged)).rejects.toThrow();
  });

  it('is the one that was published last', async () => {
    await world.publish('helper', declared, extended);
    await post('GetExtendedAgentCard');
    await world.publish('helper', declared, { ...extended, description: 'Newer.' });
    expect((await post('GetExtendedAgentCard')).result).toMatchObject({ description: 'Newer.' });
  });

  it('is neither in the public card nor in what is asked without a key', async () => {
    await world.publish('helper', declared, extended);
    const answered = await fetch(`${world.url}/a2a/helper/.well-known/agent-card.json`);
    const card = AgentCard.fromJSON(await answered.json());
    expect([card.description, skillsOf(card)]).toEqual(['For tests.', ['help']]);
    expect(card.capabilities?.extendedAgentCard).toBe(true);
    for (const path of ['extendedAgentCard', 'v1/card'])
      expect((await fetch(`${world.url}/a2a/helper/${path}`)).status).toBe(401);
  });

  it('says what the agent takes of those who may send to it', async () => {
    await world.publish('helper', declared, extended);
    world.behave(({ answer }) => answer('taken'));
    const parts = [{ text: 'x', mediaType: 'application/x-secret' }];
    const body = JSON.stringify({ message: { messageId: 'm', role: 'ROLE_USER', parts } });
    const send = async (key: string) => {
      const headers = { 'content-type': 'application/json', 'a2a-version': '1.0', authorization: `Bearer ${key}` };
      const answered = await fetch(`${world.url}/a2a/helper/message:send`, { method: 'POST', headers, body });
      return answered.text();
    };
    expect(await send(KEY)).toContain('taken');
    const refused = await send(STRANGER_KEY);
    expect(refused).toContain('does not take');
    expect(refused.match(/x-secret/g)).toHaveLength(1);
  });

  it.each([
    ['1.0', 'GetExtendedAgentCard', {}, -32004],
    ['1.0', 'GetExtendedAgentCard', declared, -32007],
    ['0.3', 'agent/getAuthenticatedExtendedCard', {}, -32004],
    ['0.3', 'agent/getAuthenticatedExtendedCard', declared, -32007],
  ])('that is not there is, in %s by %s of an agent with %j, %s', async (version, method, more, code) => {
    await world.publish('helper', more);
    expect((await post(method, { version })).error?.code).toBe(code);
  });
});

it('a card of A2A 0.3 that is asked for without a version names gRPC’s place by a URL (0.3, 5.6.1)', async () => {
  const interfaces = [{ url: 'https://upstream.example/', protocolBinding: 'JSONRPC', protocolVersion: '0.3' }];
  await world.publish('helper', { supportedInterfaces: interfaces });
  const placeAt = async (path: string, headers: Record<string, string> = {}) => {
    const answered = await fetch(`${world.url}/a2a/helper/.well-known/${path}`, { headers });
    const { additionalInterfaces } = (await answered.json()) as {
      additionalInterfaces: { url: string; transport: string }[];
    };
    return additionalInterfaces.find(({ transport }) => transport === 'GRPC')?.url;
  };
  const url = expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(await placeAt('agent-card.json')).toEqual(url);
  expect(await placeAt('agent.json')).toEqual(url);
  expect(await placeAt('agent-card.json', { 'a2a-version': '0.3' })).toMatch(/^127\.0\.0\.1:\d+$/);
});
