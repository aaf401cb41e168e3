import { describe, expect, test } from 'vitest';
import { REDACTED, redaction, redactionOf } from './redaction.ts';

const key = `sk-${'a1'.repeat(12)}`;
const jwt = `eyJ${'a'.repeat(20)}.eyJ${'b'.repeat(20)}.${'c'.repeat(20)}`;

test.each([
  'password',
  'Password',
  'db_password',
  'dbPassword',
  'api_key',
  'apiKey',
  'X-API-Key',
  'OPENAI_API_KEY',
  'authorization',
  'access token',
  'githubToken',
  'client_secret',
  'Set-Cookie',
  'AWS_SECRET_ACCESS_KEY',
])('what is in a field %s is a secret', (name) => {
  expect(redaction.value({ [name]: 'hunter2', path: '/a' })).toEqual({ [name]: REDACTED, path: '/a' });
});

test.each(['max_tokens', 'input_tokens', 'tokens', 'author', 'key', 'progressToken', 'secretary', 'password_hint'])(
  'what is in a field %s is none',
  (name) => {
    expect(redaction.value({ [name]: 'seven', n: 7 })).toEqual({ [name]: 'seven', n: 7 });
  },
);

test('all that is in a secret field goes, whatever it is; that there is something stays', () => {
  expect(
    redaction.value({ secret: { name: 'x', pins: [1234, ''], set: true }, token: null, password: Buffer.from('x') }),
  ).toEqual({
    secret: { name: REDACTED, pins: [REDACTED, ''], set: true },
    token: null,
    password: Buffer.from(REDACTED),
  });
});

test('arguments that are named by their paths', () => {
  expect(redaction.value({ 'login.password': 'hunter2', 'secret.0': 'x', 'login.user': 'ada' })).toEqual({
    'login.password': REDACTED,
    'secret.0': REDACTED,
    'login.user': 'ada',
  });
});

test('a message of bytes, with JSON in its strings', () => {
  const message = {
    method: 'tools/call',
    params: { name: 'login', arguments: { user: 'ada', password: 'hunter2', body: '{"api_key":"abc","n":1}' } },
  };
  expect(JSON.parse(redaction.bytes(Buffer.from(JSON.stringify(message))).toString())).toEqual({
    method: 'tools/call',
    params: {
      name: 'login',
      arguments: { user: 'ada', password: REDACTED, body: `{"api_key":"${REDACTED}","n":1}` },
    },
  });
});

test('what holds no secret stays as it was written, byte for byte', () => {
  const spaced = Buffer.from('{ "path" : "/a" }');
  expect(redaction.bytes(spaced)).toEqual(spaced);
  const binary = Buffer.from([0xff, 0xfe, 1]);
  expect(redaction.bytes(binary)).toEqual(binary);
  expect(redaction.text('the words of a poem: none')).toBe('the words of a poem: none');
});

describe('in text', () => {
  test.each([
    ['a key', `use ${key} now`, `use ${REDACTED} now`],
    ['a JWT, its signature too', `got ${jwt}!`, `got ${REDACTED}!`],
    ['a header', `Authorization: Bearer ${'x'.repeat(20)}`, `Authorization: ${REDACTED}`],
    ['an assignment', 'DB_PASSWORD=hunter2 PORT=1', `DB_PASSWORD=${REDACTED} PORT=1`],
    ['a query', 'https://a.example/?api_key=abc&q=1', `https://a.example/?api_key=${REDACTED}&q=1`],
    ['a password in a URL', 'postgres://ada:hunter2@db/x', `postgres://ada:${REDACTED}@db/x`],
    ['JSON that was cut off', '{"user":"ada","password":"hunt', `{"user":"ada","password":${REDACTED}`],
    [
      'JSON in a stream of events',
      'data: {"password": "hun\\"ter2", "a": 1}\n\n',
      `data: {"password": ${REDACTED}, "a": 1}\n\n`,
    ],
    ['JSON in a string', 'data: {"a":"{\\"token\\":\\"abc\\"}"}', `data: {"a":"{\\"token\\":${REDACTED}\\"}"}`],
    ['a private key', `-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nend`, `${REDACTED}\nend`],
  ])('%s', (_, text, clean) => {
    expect(redaction.text(text)).toBe(clean);
  });
});

test('a mesh has fields and patterns of its own', () => {
  const own = redactionOf({ fields: ['cardNumber'], patterns: ['IBAN [A-Z0-9]+'] });
  expect(own.value({ card_number: '4111', 'customer-card-number': 1, note: 'to IBAN DE123', password: 'x' })).toEqual({
    card_number: REDACTED,
    'customer-card-number': REDACTED,
    note: `to ${REDACTED}`,
    password: REDACTED,
  });
});

test('JSON nested beyond any use is not shown', () => {
  const deep = `${'['.repeat(5_000)}"x"${']'.repeat(5_000)}`;
  expect(redaction.text(deep)).toBe(`${'['.repeat(100)}"${REDACTED}"${']'.repeat(100)}`);
});

// Patterns that go back over what they read would take hours for these.
test.each([
  ['names without values', 'password'.repeat(100_000)],
  ['beginnings of keys', '-eyJ'.repeat(200_000)],
  ['beginnings of URLs', '://a:'.repeat(200_000)],
  ['beginnings of private keys', '-----BEGIN PRIVATE KEY-----'.repeat(50_000)],
  ['quotes', 'token="'.repeat(100_000)],
])('a megabyte of %s comes to an end', (_, text) => {
  expect(redaction.text(text).length).toBeGreaterThan(0);
});
