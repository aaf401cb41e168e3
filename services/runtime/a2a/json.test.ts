import { StreamResponse } from '@a2a-js/sdk';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  caseOf,
  MalformedError,
  readSendMessage,
  readTask,
  readUpdate,
  writeSendMessage,
  writeTask,
  writeUpdate,
} from './json.ts';
import { messages, tasks, updates } from './tasks-for-tests.ts';

const bytes = (text: string) => Buffer.from(text);

const ended = <T>(input: Uint8Array, read: (bytes: Uint8Array) => T, write: (value: T) => Buffer) => {
  try {
    write(read(input));
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedError);
  }
};

/** Where reading ends: in a value that can be written, or in an error of ours. */
const ends = (input: Uint8Array) => {
  ended(input, readUpdate, writeUpdate);
  ended(input, readTask, writeTask);
  ended(input, readSendMessage, writeSendMessage);
};

test('what is written is read as it was', () => {
  fc.assert(fc.property(updates, (update) => void expect(readUpdate(writeUpdate(update))).toEqual(update)));
  fc.assert(fc.property(tasks, (task) => void expect(readTask(writeTask(task))).toEqual(task)));
});

test('which of the four an update is can be told from its bytes', () => {
  fc.assert(fc.property(updates, (update) => void expect(caseOf(writeUpdate(update))).toBe(update.$case)));
  expect(caseOf(bytes('{}'))).toBeUndefined();
});

test('a request to send a message is read with all that it asks for', () => {
  fc.assert(
    fc.property(messages, fc.boolean(), (message, returnImmediately) => {
      const configuration = {
        acceptedOutputModes: ['text/plain'],
        taskPushNotificationConfig: undefined,
        historyLength: 3,
        returnImmediately,
      };
      const request = { tenant: '', message, configuration, metadata: undefined };
      expect(readSendMessage(writeSendMessage(request))).toEqual(request);
    }),
  );
});

describe('whatever the bytes are, reading them ends in a value or a MalformedError', () => {
  test('bytes and JSON of no shape', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), ends));
    fc.assert(fc.property(fc.json(), (text) => ends(bytes(text))));
  });

  test('the right shape with one value replaced', () => {
    const replaced = (json: unknown, at: number, value: unknown): unknown => {
      let count = 0;
      return JSON.parse(JSON.stringify(json), (_key, old) => (count++ === at ? value : old));
    };
    fc.assert(
      fc.property(updates, fc.nat(60), fc.jsonValue({ maxDepth: 2 }), (update, at, value) => {
        const json = replaced(StreamResponse.toJSON({ payload: update }), at, value);
        ends(bytes(JSON.stringify(json ?? null)));
      }),
    );
  });

  test('nested beyond any stack', () => {
    const deep = (open: string, close: string) =>
      bytes(`{"message":{"metadata":${open.repeat(300_000)}1${close.repeat(300_000)}}}`);
    expect(() => readUpdate(deep('[', ']'))).toThrow('it is nested deeper than 100 levels');
    expect(() => readUpdate(deep('{"a":', '}'))).toThrow('it is nested deeper than 100 levels');
    expect(() => readUpdate(bytes('['.repeat(1_000_000)))).toThrow('it is nested deeper than 100 levels');
  });

  test('brackets in texts nest nothing', () => {
    const text = '[{"\\'.repeat(1_000);
    const update = readUpdate(bytes(JSON.stringify({ message: { messageId: 'm', parts: [{ text }] } })));
    expect(update).toMatchObject({ value: { parts: [{ content: { value: text } }] } });
  });

  test('a million of nothing', () => {
    const many = `{"message":{"parts":[${'{},'.repeat(1_000_000)}{}]}}`;
    expect(readUpdate(bytes(many))).toMatchObject({ $case: 'message' });
    expect(() => readUpdate(bytes(many.replace('{}]', '7]')))).toThrow('message.parts.1000000');
  });
});

test.each([
  ['not JSON', '{', 'it is not JSON in UTF-8'],
  ['nothing', '{}', 'it lacks any of task, message, statusUpdate and artifactUpdate'],
  ['a task without a state', '{"task":{"id":"t"}}', 'it lacks the state of the task'],
  ['a state of no name', '{"statusUpdate":{"status":{"state":"TASK_STATE_HAPPY"}}}', 'statusUpdate.status.state'],
  ['an unspecified state', '{"statusUpdate":{"status":{"state":0}}}', 'it lacks the state'],
  ['an artifact without an id', '{"artifactUpdate":{"artifact":{}}}', 'it lacks the id of the artifact'],
  ['an id that is none', '{"artifactUpdate":{"artifact":{"artifactId":"__proto__"}}}', 'artifactId: is no id'],
  ['a text that is a number', '{"message":{"parts":[{"text":5}]}}', 'message.parts.0.text'],
  ['a part that is nothing', '{"message":{"parts":[null]}}', 'message.parts.0'],
  ['metadata that is a list', '{"message":{"metadata":[]}}', 'message.metadata'],
  ['a list', '[]', 'it is no StreamResponse: it'],
])('%s is refused, and it is said why', (_, json, why) => {
  expect(() => readUpdate(bytes(json))).toThrow(MalformedError);
  expect(() => readUpdate(bytes(json))).toThrow(why);
});

test('a request without a message is none', () => {
  expect(() => readSendMessage(bytes('{"tenant":"x"}'))).toThrow('it lacks the message');
});

test('field names of the proto are read too, and numbers for states', () => {
  expect(readUpdate(bytes('{"status_update":{"task_id":"t","status":{"state":3}}}'))).toMatchObject({
    $case: 'statusUpdate',
    value: { taskId: 't', status: { state: 3 } },
  });
  // Their values are not looked at: the SDK's reader throws on some.
  expect(() => readUpdate(bytes('{"artifact_update":{"artifact":{"artifactId":"a","parts":[null]}}}'))).toThrow(
    MalformedError,
  );
});

test('an id longer than 256 characters is none: ids are kept for as long as the task is', () => {
  const long = 'x'.repeat(257);
  const bytes = (said: object) => Buffer.from(JSON.stringify(said));
  const status = {
    state: 'TASK_STATE_WORKING',
    message: { messageId: long, role: 'ROLE_AGENT', parts: [{ text: 'a' }] },
  };
  expect(() => readUpdate(bytes({ statusUpdate: { taskId: 't', contextId: 'c', status } }))).toThrow(MalformedError);
  const artifact = { artifactId: long, parts: [{ text: 'a' }] };
  expect(() => readUpdate(bytes({ artifactUpdate: { taskId: 't', contextId: 'c', artifact } }))).toThrow(
    MalformedError,
  );
});
