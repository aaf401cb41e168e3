import { expect, test } from 'vitest';
import { interfaceAt, interfaceOf, servedBy, upstreamUrl } from './protocol.ts';

test('path, protocol and action name the same interface', () => {
  expect(interfaceAt('/v1/responses')).toBe(interfaceOf('openai.responses'));
  expect(interfaceAt('/v1/embeddings')).toMatchObject({ protocol: 'openai.embeddings', action: 'model.embed' });
  expect(interfaceAt('/v1/files')).toBeUndefined();
});

test('a responses request goes to responses, or else to chat; nothing else goes elsewhere', () => {
  expect(servedBy('openai.responses', ['chat', 'responses'])).toBe('responses');
  expect(servedBy('openai.responses', ['chat'])).toBe('chat');
  expect(servedBy('openai.chat', ['responses'])).toBeUndefined();
  expect(servedBy('openai.embeddings', ['chat'])).toBeUndefined();
});

test.each([
  ['https://api.openai.com/v1', 'https://api.openai.com/v1/chat/completions'],
  ['http://localhost:11434/v1/', 'http://localhost:11434/v1/chat/completions'],
  ['http://host', 'http://host/chat/completions'],
  [
    'https://x.openai.azure.com/openai/deployments/d?api-version=1',
    'https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=1',
  ],
])('%s has its chat completions at %s', (url, at) => {
  expect(upstreamUrl(url, 'chat').href).toBe(at);
});
