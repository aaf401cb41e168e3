import type { Evidence } from './chain.ts';

/** What an entry says that says as little as it can. */
export const blank: Evidence = {
  topic: 'mesh.decisions',
  partition: 0,
  offset: 0,
  digest: '',
  eventId: '',
  eventType: '',
  eventSource: '',
  eventTime: 0,
  contextId: '',
  correlationId: '',
  subject: null,
  action: '',
  resource: null,
  outcome: '',
  reason: '',
  configurationVersion: '',
};
