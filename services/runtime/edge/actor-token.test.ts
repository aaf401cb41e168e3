import { SignJWT } from 'jose';
import { expect, test } from 'vitest';
import { createSigning, newSigningKey } from '../signing.ts';
import { type Actor, actorToken, readActorToken } from './actor-token.ts';

const actor: Actor = { agent: 'b', person: 'p@example.com', actors: ['a'], contextId: 'c', taskId: 't' };
const times = () => ({ now: Date.now(), expiresAt: Date.now() + 60_000 });

test('an agent gets back in what it was told, and only it', async () => {
  const { signJwt, verifyJwt } = await createSigning(await newSigningKey());
  const token = await actorToken(signJwt, actor, times());
  expect(await readActorToken(verifyJwt, token, 'b')).toEqual(actor);
  await expect(readActorToken(verifyJwt, token, 'a')).rejects.toThrow('another agent');
});

test.each<[string, (own: string) => Promise<string>]>([
  ['of another mesh', async () => actorToken((await createSigning(await newSigningKey())).signJwt, actor, times())],
  [
    'that has expired',
    async (own) => actorToken((await createSigning(own)).signJwt, actor, { now: 0, expiresAt: 1_000 }),
  ],
  [
    'of another kind',
    async (own) => (await createSigning(own)).signJwt({ sub: 'b', exp: 9_999_999_999 }, 'parley-push+jwt'),
  ],
  [
    'that is signed by nobody',
    async () => `${btoa('{"alg":"none","typ":"parley-actor+jwt"}')}.${btoa('{"sub":"b"}')}.`,
  ],
  [
    'that is signed with a secret',
    async () =>
      new SignJWT({ sub: 'b' }).setProtectedHeader({ alg: 'HS256', typ: 'parley-actor+jwt' }).sign(Buffer.alloc(32)),
  ],
  [
    'that lacks who is accountable',
    async (own) => (await createSigning(own)).signJwt({ sub: 'b', exp: 9_999_999_999 }, 'parley-actor+jwt'),
  ],
])('a token %s is refused', async (_, make) => {
  const own = await newSigningKey();
  const { verifyJwt } = await createSigning(own);
  await expect(readActorToken(verifyJwt, await make(own), 'b')).rejects.toThrow();
});
