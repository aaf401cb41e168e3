/**
 * What the SDK does not check: it takes anything for a string, and throws a TypeError on some of the rest. Field names are
 * those of ProtoJSON; the SDK also reads the proto's own (snake_case), whose values it converts.
 */
import { z } from 'zod';

const text = z.string().nullish();
const texts = z.array(z.string()).nullish();
const metadata = z.record(z.string(), z.unknown()).nullish();

/** Numbers are as good as names in ProtoJSON. */
const oneOf = (names: readonly string[]) =>
  z
    .union([
      z.enum(names),
      z
        .int()
        .min(0)
        .max(names.length - 1),
    ])
    .nullish();
const state = oneOf([
  'TASK_STATE_UNSPECIFIED',
  'TASK_STATE_SUBMITTED',
  'TASK_STATE_WORKING',
  'TASK_STATE_COMPLETED',
  'TASK_STATE_FAILED',
  'TASK_STATE_CANCELED',
  'TASK_STATE_INPUT_REQUIRED',
  'TASK_STATE_REJECTED',
  'TASK_STATE_AUTH_REQUIRED',
]);
const role = oneOf(['ROLE_UNSPECIFIED', 'ROLE_USER', 'ROLE_AGENT']);

// Ids are kept for as long as the task is.
const MAX_ID = 256;
const id = text.refine((one) => (one ?? '').length <= MAX_ID, `is longer than ${MAX_ID} characters`);

const part = z.looseObject({ text, raw: text, url: text, metadata, filename: text, mediaType: text });
const parts = z.array(part).nullish();
const message = z.looseObject({
  messageId: id,
  contextId: text,
  taskId: text,
  role,
  parts,
  metadata,
  extensions: texts,
  referenceTaskIds: texts,
});
// An id is the key of a map in many a program that follows the task.
const artifactId = id.refine((one) => one !== '__proto__', 'is no id');
const artifact = z.looseObject({ artifactId, name: text, description: text, parts, metadata, extensions: texts });
const status = z.looseObject({ state, message: message.nullish(), timestamp: text });

export const taskShape = z.looseObject({
  id: text,
  contextId: text,
  status: status.nullish(),
  artifacts: z.array(artifact).nullish(),
  history: z.array(message).nullish(),
  metadata,
});

const statusUpdate = z.looseObject({ taskId: text, contextId: text, status: status.nullish(), metadata });
const artifactUpdate = z.looseObject({
  taskId: text,
  contextId: text,
  artifact: artifact.nullish(),
  append: z.boolean().nullish(),
  lastChunk: z.boolean().nullish(),
  metadata,
});

export const updateShape = z.looseObject({
  task: taskShape.nullish(),
  message: message.nullish(),
  statusUpdate: statusUpdate.nullish(),
  artifactUpdate: artifactUpdate.nullish(),
});

export const sendMessageShape = z.looseObject({
  tenant: text,
  message: message.nullish(),
  configuration: z
    .looseObject({
      acceptedOutputModes: texts,
      taskPushNotificationConfig: z.looseObject({}).nullish(),
      historyLength: z.int().nullish(),
      returnImmediately: z.boolean().nullish(),
    })
    .nullish(),
  metadata,
});
