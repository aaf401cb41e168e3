import { expect, test } from 'vitest';
import { happened } from '../services/runtime/given.ts';
import { attribution, toolRequest } from './effects/requests-for-tests.ts';
import { eventLine } from './line.ts';
import { tell } from './timeline.ts';

process.env.TZ = 'UTC';
const time = Date.parse('2026-11-21T15:06:33.120Z');
const attributes = { correlationId: 'request', key: 'acme:c1' };
const probe = happened('RequestReceived', { request: toolRequest('wipe', {}) }, { ...attributes, time });
const decision = {
  configurationVersion: 'v1',
  policies: [],
  reason: 'agent bot has not declared that it uses crm/wipe',
};
const refused = happened(
  'RequestDenied',
  { ...attribution('wipe'), reason: 'UNDECLARED', decision },
  { ...attributes, time: time + 2 },
);

test('a call to a tool that is hidden from its caller is told as what it was, by tail and by replay', () => {
  expect(eventLine(refused)).toContain(
    'bot for lead@acme.example  tool.call crm/wipe  UNDECLARED: agent bot has not declared that it uses crm/wipe, under configuration v1',
  );
  expect(tell([probe, refused]).map((line) => line.trim())).toEqual(
    expect.arrayContaining([
      expect.stringContaining('tool.call crm/wipe, asked by bot for lead@acme.example'),
      expect.stringContaining('denied          UNDECLARED: agent bot has not declared that it uses crm/wipe'),
    ]),
  );
});

test('a settlement is told under its request', () => {
  const settled = { requestId: 'request', happened: false, by: 'lead', note: 'no invoice' };
  const event = happened('EffectSettled', settled, { ...attributes, key: 'acme:c1/request', time: time + 90_000 });
  expect(tell([probe, event]).at(-1)).toContain('settled         it did not happen, says lead: no invoice');
});
