import { AgentCard, verifyAgentCardSignature } from '@a2a-js/sdk';
import { describe, expect, it } from 'vitest';
import { createSigning, newSigningKey, signingKeyOf } from './signing.ts';

const card = AgentCard.fromJSON({
  name: 'Researcher',
  description: 'Finds out.',
  version: '1',
  capabilities: { streaming: true },
  skills: [{ id: 'find', name: 'Find', description: 'Finds.', tags: ['search'] }],
  signatures: [{ protected: 'e30', signature: 'upstream' }],
});

const soon = () => Math.floor(Date.now() / 1000) + 60;

describe('signing', () => {
  it('signs a card so that the published key verifies it, and a changed card does not', async () => {
    const { signCard, keySet } = await createSigning(await newSigningKey());
    const signed = await signCard(card, 'https://mesh.example/.well-known/jwks.json');
    const verify = verifyAgentCardSignature(async (kid) => keySet.keys.find((key) => key.kid === kid)!);
    expect(signed.signatures).toHaveLength(1);
    await verify(signed);
    await expect(verify({ ...signed, name: 'Impostor' })).rejects.toThrow('No valid signatures');
  });

  it('publishes no private number', async () => {
    const { keySet } = await createSigning(await newSigningKey());
    expect(Object.keys(keySet.keys[0]!).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  });

  it('takes back only tokens of its own, of the same kind, that have not expired', async () => {
    const { signJwt, verifyJwt } = await createSigning(await newSigningKey());
    const other = await createSigning(await newSigningKey());
    const token = await signJwt({ sub: 'planner', exp: soon() }, 'actor');
    expect(await verifyJwt(token, 'actor')).toMatchObject({ sub: 'planner' });
    await expect(verifyJwt(token, 'card')).rejects.toThrow();
    await expect(other.verifyJwt(token, 'actor')).rejects.toThrow();
    await expect(verifyJwt(await signJwt({ sub: 'planner', exp: 1 }, 'actor'), 'actor')).rejects.toThrow();
    await expect(verifyJwt(await signJwt({ sub: 'planner' }, 'actor'), 'actor')).rejects.toThrow();
  });

  it('opens what it sealed, in another process with the same key too, and nothing else', async () => {
    const key = await newSigningKey();
    const sealed = await (await createSigning(key)).seal(Buffer.from('secret'));
    expect(sealed.includes('secret')).toBe(false);
    expect((await (await createSigning(key)).open(sealed)).toString()).toBe('secret');
    await expect((await createSigning(await newSigningKey())).open(sealed)).rejects.toThrow();
  });

  it.each(['no json', '{}', '{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"c2VjcmV0"}'])(
    'says what is wrong with the key %s, without quoting it',
    async (key) => {
      const error = await createSigning(key).catch((e: Error) => e);
      expect(error).toMatchObject({ code: 'PARLEY_ENVIRONMENT' });
      expect(String(error)).not.toContain('c2VjcmV0');
    },
  );

  it('reads the key from the environment before the file', () => {
    expect(signingKeyOf({ PARLEY_SIGNING_KEY: '{"d":1}', PARLEY_SIGNING_KEY_FILE: '/nowhere' })).toBe('{"d":1}');
    expect(signingKeyOf({})).toBeUndefined();
  });
});
