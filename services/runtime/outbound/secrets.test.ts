import { expect, test } from 'vitest';
import { credentialsOf, MissingVariable, scrub, secretsOf, tellable } from './secrets.ts';

const reference = (name: string): string => `$\{${name}}`;
const connection = {
  credential: reference('KEY'),
  headers: { Authorization: `Bearer ${reference('OTHER')}`, 'X-Plain': 'plain-value' },
};

test('references become what the environment holds, trimmed', () => {
  expect(credentialsOf(connection, { KEY: ' sk-one\n', OTHER: 'sk-two' })).toEqual({
    secret: 'sk-one',
    headers: { authorization: 'Bearer sk-two', 'x-plain': 'plain-value' },
  });
  expect(credentialsOf({ ...connection, credential: null }, { OTHER: 'o' }).secret).toBeNull();
});

test.each([{}, { KEY: '', OTHER: 'x' }])('a variable that is not set is named (%j)', (environment) => {
  expect(() => credentialsOf(connection, environment)).toThrow(MissingVariable);
  expect(() => credentialsOf(connection, environment)).toThrow('KEY');
});

test('what came of a reference is a secret, with and without its scheme; what is written out is none', () => {
  const resolved = credentialsOf(connection, { KEY: 'sk-one-secret', OTHER: 'sk-two-secret' });
  const secrets = secretsOf(connection, resolved);
  expect(secrets).toEqual(['Bearer sk-two-secret', 'sk-one-secret', 'sk-two-secret']);
  const echo = Buffer.from('{"a":"sk-one-secret","b":"Bearer sk-two-secret","c":"plain-value"}');
  expect(scrub(echo, secrets).toString()).toBe('{"a":"[removed]","b":"[removed]","c":"plain-value"}');
  const clean = Buffer.from('nothing');
  expect(scrub(clean, secrets)).toBe(clean);
});

test('a secret is found as JSON writes it, also in a text that is JSON itself', () => {
  const secret = '-----BEGIN KEY-----\nabc"def\n-----END KEY-----';
  const said = (env: string) => JSON.stringify({ env, text: JSON.stringify({ env }) });
  expect(scrub(Buffer.from(said(secret)), tellable([secret])).toString()).toBe(said('[removed]'));
});
