// Made by `npm run generate`. Do not edit.
import type * as mesh from '../schemas/generated.ts';

export type TopicName = 'mesh.attempts' | 'mesh.audit' | 'mesh.breakers' | 'mesh.cancellations' | 'mesh.configuration' | 'mesh.dead-letters' | 'mesh.decisions' | 'mesh.dispatches' | 'mesh.idempotency-keys' | 'mesh.requests' | 'mesh.responses' | 'mesh.usage';

/** What each event says, by its type. */
export interface EventData {
  AttemptBegun: mesh.AttemptBegun;
  AttemptFailed: mesh.AttemptFailed;
  ProbeSucceeded: mesh.ProbeSucceeded;
  AuditEntry: mesh.AuditEntry;
  BreakerOpened: mesh.BreakerOpened;
  BreakerClosed: mesh.BreakerClosed;
  CancelRequested: mesh.CancelRequested;
  MeshConfigured: mesh.MeshConfigured;
  EventDeadLettered: mesh.EventDeadLettered;
  RequestPermitted: mesh.RequestPermitted;
  RequestDenied: mesh.RequestDenied;
  RequestDispatched: mesh.RequestDispatched;
  RequestUnroutable: mesh.RequestUnroutable;
  IdempotencyKeyUsed: mesh.IdempotencyKeyUsed;
  RequestReceived: mesh.RequestReceived;
  AuthenticationFailed: mesh.AuthenticationFailed;
  ResponseChunk: mesh.ResponseChunk;
  ResponseCompleted: mesh.ResponseCompleted;
  ResponseFailed: mesh.ResponseFailed;
  UsageRecorded: mesh.UsageRecorded;
}

/** The one topic on which events of a type are written. */
export const topicOf = {
  AttemptBegun: 'mesh.attempts',
  AttemptFailed: 'mesh.attempts',
  ProbeSucceeded: 'mesh.attempts',
  AuditEntry: 'mesh.audit',
  BreakerOpened: 'mesh.breakers',
  BreakerClosed: 'mesh.breakers',
  CancelRequested: 'mesh.cancellations',
  MeshConfigured: 'mesh.configuration',
  EventDeadLettered: 'mesh.dead-letters',
  RequestPermitted: 'mesh.decisions',
  RequestDenied: 'mesh.decisions',
  RequestDispatched: 'mesh.dispatches',
  RequestUnroutable: 'mesh.dispatches',
  IdempotencyKeyUsed: 'mesh.idempotency-keys',
  RequestReceived: 'mesh.requests',
  AuthenticationFailed: 'mesh.requests',
  ResponseChunk: 'mesh.responses',
  ResponseCompleted: 'mesh.responses',
  ResponseFailed: 'mesh.responses',
  UsageRecorded: 'mesh.usage',
} as const satisfies Record<keyof EventData, TopicName>;

/** Which events a service may write: its single-writer right, which `topics apply` turns into ACLs. */
export interface Writes {
  'audit': 'AuditEntry' | 'EventDeadLettered';
  'configuration': 'MeshConfigured';
  'edge-llm': 'AttemptBegun' | 'AttemptFailed' | 'ProbeSucceeded' | 'CancelRequested' | 'EventDeadLettered' | 'IdempotencyKeyUsed' | 'RequestReceived' | 'AuthenticationFailed' | 'ResponseChunk' | 'ResponseCompleted' | 'ResponseFailed';
  'metering': 'EventDeadLettered' | 'UsageRecorded';
  'policy': 'EventDeadLettered' | 'RequestPermitted' | 'RequestDenied';
  'routing': 'BreakerOpened' | 'BreakerClosed' | 'EventDeadLettered' | 'RequestDispatched' | 'RequestUnroutable';
}

/** Which events a service may read. */
export interface Reads {
  'audit': 'AttemptBegun' | 'AttemptFailed' | 'ProbeSucceeded' | 'AuditEntry' | 'BreakerOpened' | 'BreakerClosed' | 'CancelRequested' | 'MeshConfigured' | 'RequestPermitted' | 'RequestDenied' | 'RequestDispatched' | 'RequestUnroutable' | 'RequestReceived' | 'AuthenticationFailed' | 'ResponseChunk' | 'ResponseCompleted' | 'ResponseFailed';
  'configuration': 'MeshConfigured';
  'edge-llm': 'AttemptBegun' | 'AttemptFailed' | 'ProbeSucceeded' | 'CancelRequested' | 'MeshConfigured' | 'RequestPermitted' | 'RequestDenied' | 'RequestDispatched' | 'RequestUnroutable' | 'IdempotencyKeyUsed' | 'RequestReceived' | 'AuthenticationFailed' | 'ResponseChunk' | 'ResponseCompleted' | 'ResponseFailed';
  'metering': 'MeshConfigured' | 'ResponseChunk' | 'ResponseCompleted' | 'ResponseFailed';
  'policy': 'MeshConfigured' | 'RequestReceived' | 'AuthenticationFailed';
  'routing': 'AttemptBegun' | 'AttemptFailed' | 'ProbeSucceeded' | 'BreakerOpened' | 'BreakerClosed' | 'MeshConfigured' | 'RequestPermitted' | 'RequestDenied';
}
