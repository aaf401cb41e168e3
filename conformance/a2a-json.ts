/** Whether JSON is ProtoJSON of A2A 1.0. Pure. */
import { AgentCard, SendMessageRequest, StreamResponse } from '@a2a-js/sdk';
import { z } from 'zod';

const codecs = { AgentCard, SendMessageRequest, StreamResponse };
export type A2AType = keyof typeof codecs;

const name = z.string().min(1);
const list = z.array(z.looseObject({})).min(1);
const message = z.looseObject({ messageId: name, role: z.enum(['ROLE_USER', 'ROLE_AGENT']), parts: list });
const instant = z.iso.datetime('an instant in UTC, as 2026-01-05T10:00:00.000Z');
const states = [
  'SUBMITTED',
  'WORKING',
  'COMPLETED',
  'FAILED',
  'CANCELED',
  'INPUT_REQUIRED',
  'REJECTED',
  'AUTH_REQUIRED',
];
const state = z.enum(states.map((one) => `TASK_STATE_${one}`));
const status = z.looseObject({ state, message: message.optional(), timestamp: instant.optional() });
const artifact = z.looseObject({ artifactId: name, parts: list });
const ofTask = { taskId: name, contextId: name };

/** The fields that A2A 1.0 requires (specification/a2a.proto). */
const required = {
  StreamResponse: z
    .strictObject({
      task: z.looseObject({ id: name, contextId: name, status, artifacts: z.array(artifact).optional() }).optional(),
      message: message.optional(),
      statusUpdate: z.looseObject({ ...ofTask, status }).optional(),
      artifactUpdate: z.looseObject({ ...ofTask, artifact }).optional(),
    })
    .refine((update) => Object.keys(update).length === 1, 'one of task, message, statusUpdate and artifactUpdate'),
  AgentCard: z.looseObject({
    name,
    description: name,
    version: name,
    supportedInterfaces: z.array(z.looseObject({ url: name, protocolBinding: name, protocolVersion: name })).min(1),
    capabilities: z.looseObject({}),
    defaultInputModes: z.array(name).min(1),
    defaultOutputModes: z.array(name).min(1),
    skills: z.array(z.looseObject({ id: name, name, description: name, tags: z.array(name).min(1) })).min(1),
  }),
  SendMessageRequest: z.looseObject({ message }),
};

const isDefault = (value: unknown): boolean =>
  value === null ||
  value === '' ||
  value === false ||
  value === 0 ||
  (typeof value === 'object' && Object.keys(value).length === 0);

/** What of `said` is not in `understood`, by path: a field that A2A does not have, or a value that is not of its type. */
const foreign = (said: unknown, understood: unknown, path: string): string[] => {
  if (typeof said === 'object' && said !== null && typeof understood === 'object' && understood !== null)
    return Object.entries(said).flatMap(([key, value]) =>
      foreign(value, (understood as Record<string, unknown>)[key], path === '' ? key : `${path}.${key}`),
    );
  const same = said === understood || (understood === undefined && isDefault(said));
  const sameInstant = path.endsWith('.timestamp') && Date.parse(String(said)) === Date.parse(String(understood));
  return same || sameInstant ? [] : [path];
};

/** What is wrong with it; empty when nothing is. */
export const a2aFaults = (type: A2AType, json: unknown): string[] => {
  const parsed = required[type].safeParse(json);
  if (!parsed.success) return parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  const understood = codecs[type].toJSON(codecs[type].fromJSON(json) as never);
  return foreign(json, understood, '').map((path) => `${path}: not of an A2A ${type}`);
};
