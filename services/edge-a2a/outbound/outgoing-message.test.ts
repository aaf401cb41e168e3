import { expect, test } from 'vitest';
import { readSendMessage, writeSendMessage } from '../../runtime/a2a/json.ts';
import { actorOf, outgoingHeaders, outgoingMessage, remoteContextId } from './outgoing-message.ts';
import { requestOf } from './world-for-tests.ts';

const sent = (more: object = {}) => {
  const request = requestOf('hello');
  const { message, metadata } = readSendMessage(request.message);
  const configuration = {
    acceptedOutputModes: ['text/plain'],
    taskPushNotificationConfig: {
      tenant: '',
      id: 'c',
      taskId: '',
      url: 'https://a.example',
      token: 't',
      authentication: undefined,
    },
    historyLength: 3,
    returnImmediately: false,
  };
  return { request, whole: { tenant: 'x', message: { ...message!, ...more }, configuration, metadata } };
};

test('a new message names neither the mesh’s task nor the client’s own name of the conversation', () => {
  const { request, whole } = sent();
  const outgoing = outgoingMessage(request, whole, null, () => undefined);
  expect(outgoing.message).toMatchObject({ taskId: '', contextId: remoteContextId(request) });
  const text = writeSendMessage(outgoing).toString();
  expect(text).not.toContain(request.contextId);
  expect(text).not.toContain(request.taskId);
});

test('where clients want to be told is the mesh’s to know', () => {
  const { request, whole } = sent();
  const { configuration, tenant } = outgoingMessage(request, whole, null, () => undefined);
  expect({ tenant, configuration }).toEqual({
    tenant: '',
    configuration: {
      acceptedOutputModes: ['text/plain'],
      taskPushNotificationConfig: undefined,
      returnImmediately: true,
    },
  });
});

test('tasks are named as the agent names them; what it can’t know is left out', () => {
  const { request, whole } = sent({ referenceTaskIds: ['known', 'unknown'] });
  const remote = { taskId: 'its-task', contextId: 'its-context' };
  const { message } = outgoingMessage(request, whole, remote, (id) => (id === 'known' ? 'its-other' : undefined));
  expect(message).toMatchObject({ taskId: 'its-task', contextId: 'its-context', referenceTaskIds: ['its-other'] });
});

test('the chain of who asks grows by the one that asks', () => {
  const { request } = sent();
  const { actors, agent } = actorOf(request);
  expect({ agent, actors }).toEqual({ agent: 'helper', actors: [...request.subject.actors, request.subject.agent] });
});

test('headers that have nothing to say are not sent', () => {
  expect(outgoingHeaders('d', { headers: {} }, '', 'token')).toEqual({
    'x-client-request-id': 'd',
    'x-parley-actor': 'token',
  });
});
