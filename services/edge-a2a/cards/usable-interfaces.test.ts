import { expect, test } from 'vitest';
import { isSecure, usableInterfaces } from './usable-interfaces.ts';

const card = (url: string, protocolBinding = 'JSONRPC', protocolVersion = '1.0') => ({
  supportedInterfaces: [{ url, protocolBinding, protocolVersion, tenant: '' }],
});

test.each([
  ['https://a.example/rpc', 'JSONRPC', true],
  ['https://a.example:8443/rpc', 'HTTP+JSON', true],
  ['http://a.example/rpc', 'JSONRPC', false],
  ['https://b.example/rpc', 'JSONRPC', false],
  ['https://a.example.b.example/rpc', 'JSONRPC', false],
  ['https://a.example@b.example/rpc', 'JSONRPC', false],
  ['file://a.example/rpc', 'JSONRPC', false],
  ['a.example:50051', 'GRPC', true],
  ['b.example:50051', 'GRPC', false],
  ['https://a.example/rpc', 'CARRIER-PIGEON', false],
  ['not a url', 'JSONRPC', false],
])('%s by %s: %s', (url, binding, isUsable) => {
  expect(usableInterfaces(card(url, binding), 'https://a.example/agent')).toHaveLength(isUsable ? 1 : 0);
});

test('versions of A2A that the mesh does not speak are passed over', () => {
  const versions = ['1.0', '1.1', '0.3', '0.3.0', '0.2.5', '2.0', ''];
  const usable = versions.filter(
    (v) => usableInterfaces(card('http://a.example/', 'JSONRPC', v), 'http://a.example').length > 0,
  );
  expect(usable).toEqual(['1.0', '1.1', '0.3', '0.3.0', '']);
});

test('the loopback has several names', () => {
  expect(usableInterfaces(card('http://localhost:1/'), 'http://127.0.0.1:2')).toHaveLength(1);
});

test('gRPC is secure where its URL or the agent’s own says so', () => {
  expect(isSecure({ url: 'a.example:1' }, 'https://a.example')).toBe(true);
  expect(isSecure({ url: 'grpcs://a.example:1' }, 'http://a.example')).toBe(true);
  expect(isSecure({ url: 'a.example:1' }, 'http://a.example')).toBe(false);
});
