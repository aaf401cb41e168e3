import { expect, test } from 'vitest';
import { happened } from '../services/runtime/given.ts';
import type { AnyRecorded } from '../services/runtime/log.ts';
import { createMemoryLog } from '../services/runtime/memory-log.ts';
import { redaction } from '../services/runtime/redaction.ts';
import { toolRequest } from './effects/requests-for-tests.ts';
import { eventJson } from './event-json.ts';
import { readRedaction, redactedEvent } from './redacted.ts';

const shown = (event: AnyRecorded) => JSON.parse(eventJson(redactedEvent(event, redaction)));

test('an event is shown without what is secret in its message and its arguments', () => {
  const request = toolRequest('login', { user: 'ada', password: 'hunter2' });
  const { id, key, data } = shown(happened('RequestReceived', { request }, { key: 'acme:c1', id: 'e1' }));
  expect([id, key, data.request.subject.credential]).toEqual(['e1', 'acme:c1', 'key-1']);
  expect(data.request.arguments).toEqual({ user: 'ada', password: '[redacted]' });
  expect(JSON.parse(data.request.message).params.arguments).toEqual({ user: 'ada', password: '[redacted]' });
});

test('a definition with a parameter named as a secret is shown as it is', () => {
  const definition = Buffer.from('{"inputSchema":{"properties":{"password":{"type":"string"}}}}');
  const observed = { server: 's', kind: 'TOOL' as const, name: 'login', digest: 'd', definition, findings: [] };
  expect(shown(happened('DefinitionObserved', observed)).data.definition).toBe(definition.toString());
});

test('an event that cannot be read is shown as one', () => {
  const event = happened('CancelRequested', { reason: 'CLIENT_GONE' });
  Object.defineProperty(event, 'data', {
    get: () => {
      throw new Error('not Avro');
    },
  });
  expect(shown(event)).toMatchObject({ data: null, unreadable: 'not Avro' });
});

test('the rules are those of the configuration in force', async () => {
  const log = await createMemoryLog();
  expect((await readRedaction(log)).value({ iban: 'DE1', password: 'x' })).toEqual({
    iban: 'DE1',
    password: '[redacted]',
  });
  const limits = {
    requestsInFlight: 1,
    requestsInFlightPerCredential: 1,
    bodyBytes: 1,
    deadlineMs: 1,
    maxDeadlineMs: 1,
  };
  const document = JSON.stringify({
    credentials: [],
    resources: [],
    connections: [],
    currency: 'EUR',
    prices: [],
    redaction: { fields: ['iban'], patterns: [] },
    limits,
    routing: { maxAttempts: 1, breaker: { failures: 1, openMs: 1 } },
    policies: [],
  });
  await log.append([happened('MeshConfigured', { version: 'v1', previousVersion: null, document }, { key: 'v1' })]);
  expect((await readRedaction(log)).value({ iban: 'DE1' })).toEqual({ iban: '[redacted]' });
  await log.close();
});
