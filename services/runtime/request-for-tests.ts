import type { Request } from '../../schemas/generated.ts';

/** A request as any edge may state it. @param more what matters of it to a test. */
export const requestForTests = (more: Partial<Request> = {}): Request => ({
  id: 'r',
  contextId: 'c',
  subject: { tenant: 't', unit: 'u', agent: 'a', person: 'p', credential: 'c', actors: [] },
  action: 'model.chat',
  resource: { type: 'model', id: 'm' },
  protocol: 'openai.chat',
  deadline: Date.now() + 60_000,
  repeatable: false,
  streaming: false,
  fingerprint: '',
  headers: {},
  message: Buffer.from('{}'),
  spans: [],
  taskId: '',
  parentTaskId: '',
  arguments: {},
  ...more,
});
