import { expect, test } from 'vitest';
import { serverProperties } from './server-properties.ts';

const of = (more = {}) => {
  const text = serverProperties({ port: 9001, controllerPort: 9002, dataDir: '/data', ...more });
  return Object.fromEntries(
    text
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
};

test('listens on loopback only', () => {
  expect(of()).toMatchObject({
    listeners: 'PLAINTEXT://127.0.0.1:9001,CONTROLLER://127.0.0.1:9002',
    'advertised.listeners': 'PLAINTEXT://127.0.0.1:9001',
    'controller.quorum.voters': '1@127.0.0.1:9002',
  });
});

test('creates no topics by itself and takes messages as large as any Kafka does', () => {
  expect(of()).toMatchObject({ 'auto.create.topics.enable': 'false' });
  expect(of()).not.toHaveProperty('message.max.bytes');
});

test('has an authorizer only when asked', () => {
  expect(of()).not.toHaveProperty('authorizer.class.name');
  expect(of({ authorizer: true })).toMatchObject({
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': 'true',
    'super.users': 'User:ANONYMOUS',
  });
});

test('lets settings be changed, and keeps backslashes', () => {
  const settings = of({ dataDir: 'C:\\kafka', properties: { 'num.partitions': 3 } });
  expect(settings).toMatchObject({ 'num.partitions': '3', 'log.dirs': 'C:\\\\kafka' });
});
