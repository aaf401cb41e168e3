import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { append, type Evidence, follows, hashOf, NO_HASH } from './chain.ts';

const evidence: Evidence = {
  topic: 'mesh.decisions',
  partition: 3,
  offset: 17,
  digest: 'd1',
  eventId: 'e1',
  eventType: 'RequestPermitted',
  eventSource: 'policy',
  eventTime: 1_764_000_000_000,
  contextId: 'acme:c1',
  correlationId: 'r1',
  subject: { tenant: 'acme', unit: 'support', agent: 'bot', person: 'jané "j"', credential: 'k1', actors: [] },
  action: 'model.chat',
  resource: { type: 'model', id: 'small' },
  outcome: 'permitted',
  reason: 'permitted by\nall',
  configurationVersion: '3f2a',
};

const sha256 = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex');

test('the hash is that of the canonical array, as anyone can make it', () => {
  const text = String.raw`[1,"${NO_HASH}","mesh.decisions",3,17,"d1","e1","RequestPermitted","policy",1764000000000,"acme:c1","r1",["acme","support","bot","jané \"j\"","k1"],"model.chat",["model","small"],"permitted","permitted by\nall","3f2a"]`;
  expect(append(undefined, evidence).hash).toBe(sha256(text));
  const bare = text.replace(/\["acme".*?\]/, 'null').replace('["model","small"]', 'null');
  expect(append(undefined, { ...evidence, subject: null, resource: null }).hash).toBe(sha256(bare));
});

test('each entry names the hash of the one before', () => {
  const first = append(undefined, evidence);
  const second = append(first, evidence);
  expect(first).toMatchObject({ sequence: 1, previousHash: NO_HASH });
  expect(second).toMatchObject({ sequence: 2, previousHash: first.hash });
  expect(follows(first, second)).toBe(true);
  expect(follows(first, first)).toBe(false);
});

test.each(Object.keys(evidence) as (keyof Evidence)[])('%s cannot be changed unseen', (field) => {
  const entry = append(undefined, evidence);
  const other = { number: 1, string: 'x', object: null }[typeof evidence[field] as 'number' | 'string' | 'object'];
  expect(hashOf({ ...entry, [field]: other })).not.toBe(entry.hash);
});
