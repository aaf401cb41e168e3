// Made by `npm run generate`. Do not edit.
import type * as mesh from '../schemas/generated.ts';

/** The files. One with braces in its name is a template: it stands for a topic of each agent. */
export type TopicFileName = 'agents.{agent}.inbox' | 'agents.{agent}.outbox' | 'mesh.agents' | 'mesh.attempts' | 'mesh.audit' | 'mesh.breakers' | 'mesh.cancellations' | 'mesh.configuration' | 'mesh.dead-letters' | 'mesh.decisions' | 'mesh.definitions' | 'mesh.dispatches' | 'mesh.idempotency-keys' | 'mesh.inputs' | 'mesh.logins' | 'mesh.push-configurations' | 'mesh.push-deliveries' | 'mesh.reports' | 'mesh.requests' | 'mesh.responses' | 'mesh.reviews' | 'mesh.server-changes' | 'mesh.sessions' | 'mesh.settlements' | 'mesh.task-updates' | 'mesh.tasks' | 'mesh.timers' | 'mesh.usage';

/** A topic in the log. */
export type TopicName = `agents.${string}.inbox` | `agents.${string}.outbox` | 'mesh.agents' | 'mesh.attempts' | 'mesh.audit' | 'mesh.breakers' | 'mesh.cancellations' | 'mesh.configuration' | 'mesh.dead-letters' | 'mesh.decisions' | 'mesh.definitions' | 'mesh.dispatches' | 'mesh.idempotency-keys' | 'mesh.inputs' | 'mesh.logins' | 'mesh.push-configurations' | 'mesh.push-deliveries' | 'mesh.reports' | 'mesh.requests' | 'mesh.responses' | 'mesh.reviews' | 'mesh.server-changes' | 'mesh.sessions' | 'mesh.settlements' | 'mesh.task-updates' | 'mesh.tasks' | 'mesh.timers' | 'mesh.usage';

/** What each event says, by its type. */
export interface EventData {
  MessageDelivered: mesh.MessageDelivered;
  CallAnswered: mesh.CallAnswered;
  CallUpdated: mesh.CallUpdated;
  TimerElapsed: mesh.TimerElapsed;
  CancelDelivered: mesh.CancelDelivered;
  ReportReturned: mesh.ReportReturned;
  AgentAnnounced: mesh.AgentAnnounced;
  AgentReported: mesh.AgentReported;
  AgentCalled: mesh.AgentCalled;
  AgentSlept: mesh.AgentSlept;
  StepRecorded: mesh.StepRecorded;
  AgentCardPublished: mesh.AgentCardPublished;
  AgentCardRefused: mesh.AgentCardRefused;
  AttemptBegun: mesh.AttemptBegun;
  AttemptFailed: mesh.AttemptFailed;
  ProbeSucceeded: mesh.ProbeSucceeded;
  AuditEntry: mesh.AuditEntry;
  BreakerOpened: mesh.BreakerOpened;
  BreakerClosed: mesh.BreakerClosed;
  CancelRequested: mesh.CancelRequested;
  TaskCancelRequested: mesh.TaskCancelRequested;
  MeshConfigured: mesh.MeshConfigured;
  EventDeadLettered: mesh.EventDeadLettered;
  RequestPermitted: mesh.RequestPermitted;
  RequestDenied: mesh.RequestDenied;
  ServerObserved: mesh.ServerObserved;
  DefinitionObserved: mesh.DefinitionObserved;
  RequestDispatched: mesh.RequestDispatched;
  IdempotencyKeyUsed: mesh.IdempotencyKeyUsed;
  InputProvided: mesh.InputProvided;
  LoggedIn: mesh.LoggedIn;
  LoggedOut: mesh.LoggedOut;
  LoginRefused: mesh.LoginRefused;
  PushConfigurationSet: mesh.PushConfigurationSet;
  PushConfigurationDeleted: mesh.PushConfigurationDeleted;
  PushDelivered: mesh.PushDelivered;
  PushFailed: mesh.PushFailed;
  TaskReported: mesh.TaskReported;
  CallReported: mesh.CallReported;
  SleepReported: mesh.SleepReported;
  RequestReceived: mesh.RequestReceived;
  AuthenticationFailed: mesh.AuthenticationFailed;
  ResponseChunk: mesh.ResponseChunk;
  ResponseCompleted: mesh.ResponseCompleted;
  ResponseFailed: mesh.ResponseFailed;
  RequestUnroutable: mesh.RequestUnroutable;
  DefinitionReviewed: mesh.DefinitionReviewed;
  ResourceChanged: mesh.ResourceChanged;
  ListChanged: mesh.ListChanged;
  SessionChanged: mesh.SessionChanged;
  RootsChanged: mesh.RootsChanged;
  EffectSettled: mesh.EffectSettled;
  TaskUpdated: mesh.TaskUpdated;
  ReportRefused: mesh.ReportRefused;
  TaskSnapshot: mesh.TaskSnapshot;
  TimerSet: mesh.TimerSet;
  TimerFired: mesh.TimerFired;
  TimerCleared: mesh.TimerCleared;
  UsageRecorded: mesh.UsageRecorded;
}

/** The file of the one topic on which events of a type are written; topicOfEvent names the topic itself. */
export const topicOf = {
  MessageDelivered: 'agents.{agent}.inbox',
  CallAnswered: 'agents.{agent}.inbox',
  CallUpdated: 'agents.{agent}.inbox',
  TimerElapsed: 'agents.{agent}.inbox',
  CancelDelivered: 'agents.{agent}.inbox',
  ReportReturned: 'agents.{agent}.inbox',
  AgentAnnounced: 'agents.{agent}.outbox',
  AgentReported: 'agents.{agent}.outbox',
  AgentCalled: 'agents.{agent}.outbox',
  AgentSlept: 'agents.{agent}.outbox',
  StepRecorded: 'agents.{agent}.outbox',
  AgentCardPublished: 'mesh.agents',
  AgentCardRefused: 'mesh.agents',
  AttemptBegun: 'mesh.attempts',
  AttemptFailed: 'mesh.attempts',
  ProbeSucceeded: 'mesh.attempts',
  AuditEntry: 'mesh.audit',
  BreakerOpened: 'mesh.breakers',
  BreakerClosed: 'mesh.breakers',
  CancelRequested: 'mesh.cancellations',
  TaskCancelRequested: 'mesh.cancellations',
  MeshConfigured: 'mesh.configuration',
  EventDeadLettered: 'mesh.dead-letters',
  RequestPermitted: 'mesh.decisions',
  RequestDenied: 'mesh.decisions',
  ServerObserved: 'mesh.definitions',
  DefinitionObserved: 'mesh.definitions',
  RequestDispatched: 'mesh.dispatches',
  IdempotencyKeyUsed: 'mesh.idempotency-keys',
  InputProvided: 'mesh.inputs',
  LoggedIn: 'mesh.logins',
  LoggedOut: 'mesh.logins',
  LoginRefused: 'mesh.logins',
  PushConfigurationSet: 'mesh.push-configurations',
  PushConfigurationDeleted: 'mesh.push-configurations',
  PushDelivered: 'mesh.push-deliveries',
  PushFailed: 'mesh.push-deliveries',
  TaskReported: 'mesh.reports',
  CallReported: 'mesh.reports',
  SleepReported: 'mesh.reports',
  RequestReceived: 'mesh.requests',
  AuthenticationFailed: 'mesh.requests',
  ResponseChunk: 'mesh.responses',
  ResponseCompleted: 'mesh.responses',
  ResponseFailed: 'mesh.responses',
  RequestUnroutable: 'mesh.responses',
  DefinitionReviewed: 'mesh.reviews',
  ResourceChanged: 'mesh.server-changes',
  ListChanged: 'mesh.server-changes',
  SessionChanged: 'mesh.sessions',
  RootsChanged: 'mesh.sessions',
  EffectSettled: 'mesh.settlements',
  TaskUpdated: 'mesh.task-updates',
  ReportRefused: 'mesh.task-updates',
  TaskSnapshot: 'mesh.tasks',
  TimerSet: 'mesh.timers',
  TimerFired: 'mesh.timers',
  TimerCleared: 'mesh.timers',
  UsageRecorded: 'mesh.usage',
} as const satisfies Record<keyof EventData, TopicFileName>;

/** Which events a service may write: its single-writer right, which `topics apply` turns into ACLs. */
export interface Writes {
  'agent': 'AgentAnnounced' | 'AgentReported' | 'AgentCalled' | 'AgentSlept' | 'StepRecorded';
  'audit': 'AuditEntry' | 'EventDeadLettered';
  'configuration': 'MeshConfigured' | 'LoggedIn' | 'LoggedOut' | 'LoginRefused' | 'DefinitionReviewed' | 'EffectSettled';
  'edge-a2a': 'AgentCardPublished' | 'AgentCardRefused' | 'AttemptBegun' | 'AttemptFailed' | 'ProbeSucceeded' | 'CancelRequested' | 'TaskCancelRequested' | 'EventDeadLettered' | 'IdempotencyKeyUsed' | 'PushConfigurationSet' | 'PushConfigurationDeleted' | 'PushDelivered' | 'PushFailed' | 'TaskReported' | 'CallReported' | 'SleepReported' | 'RequestReceived' | 'AuthenticationFailed' | 'ResponseChunk' | 'ResponseCompleted' | 'ResponseFailed' | 'RequestUnroutable';
  'edge-agents': 'MessageDelivered' | 'CallAnswered' | 'CallUpdated' | 'TimerElapsed' | 'CancelDelivered' | 'ReportReturned' | 'AgentCardPublished' | 'AgentCardRefused' | 'EventDeadLettered' | 'TaskReported' | 'CallReported' | 'SleepReported' | 'ResponseChunk' | 'ResponseCompleted' | 'ResponseFailed' | 'RequestUnroutable' | 'TimerSet' | 'TimerFired' | 'TimerCleared';
  'edge-llm': 'AttemptBegun' | 'AttemptFailed' | 'ProbeSucceeded' | 'CancelRequested' | 'TaskCancelRequested' | 'EventDeadLettered' | 'IdempotencyKeyUsed' | 'RequestReceived' | 'AuthenticationFailed' | 'ResponseChunk' | 'ResponseCompleted' | 'ResponseFailed' | 'RequestUnroutable';
  'edge-mcp': 'AttemptBegun' | 'AttemptFailed' | 'ProbeSucceeded' | 'CancelRequested' | 'TaskCancelRequested' | 'EventDeadLettered' | 'ServerObserved' | 'DefinitionObserved' | 'IdempotencyKeyUsed' | 'InputProvided' | 'LoggedIn' | 'LoggedOut' | 'LoginRefused' | 'RequestReceived' | 'AuthenticationFailed' | 'ResponseChunk' | 'ResponseCompleted' | 'ResponseFailed' | 'RequestUnroutable' | 'DefinitionReviewed' | 'ResourceChanged' | 'ListChanged' | 'SessionChanged' | 'RootsChanged';
  'metering': 'EventDeadLettered' | 'UsageRecorded';
  'policy': 'EventDeadLettered' | 'RequestPermitted' | 'RequestDenied';
  'routing': 'BreakerOpened' | 'BreakerClosed' | 'EventDeadLettered' | 'RequestDispatched' | 'ResponseChunk' | 'ResponseCompleted' | 'ResponseFailed' | 'RequestUnroutable';
  'task-state': 'CancelRequested' | 'TaskCancelRequested' | 'EventDeadLettered' | 'TaskReported' | 'CallReported' | 'SleepReported' | 'RequestReceived' | 'AuthenticationFailed' | 'ResponseChunk' | 'ResponseCompleted' | 'ResponseFailed' | 'RequestUnroutable' | 'TaskUpdated' | 'ReportRefused' | 'TaskSnapshot' | 'TimerSet' | 'TimerFired' | 'TimerCleared';
}

/** Which events a service may read. */
export interface Reads {
  'agent': 'MessageDelivered' | 'CallAnswered' | 'CallUpdated' | 'TimerElapsed' | 'CancelDelivered' | 'ReportReturned' | 'AgentAnnounced' | 'AgentReported' | 'AgentCalled' | 'AgentSlept' | 'StepRecorded';
  'audit': 'AgentCardPublished' | 'AgentCardRefused' | 'AttemptBegun' | 'AttemptFailed' | 'ProbeSucceeded' | 'AuditEntry' | 'BreakerOpened' | 'BreakerClosed' | 'CancelRequested' | 'TaskCancelRequested' | 'MeshConfigured' | 'RequestPermitted' | 'RequestDenied' | 'ServerObserved' | 'DefinitionObserved' | 'RequestDispatched' | 'InputProvided' | 'LoggedIn' | 'LoggedOut' | 'LoginRefused' | 'PushDelivered' | 'PushFailed' | 'RequestReceived' | 'AuthenticationFailed' | 'ResponseChunk' | 'ResponseCompleted' | 'ResponseFailed' | 'RequestUnroutable' | 'DefinitionReviewed' | 'EffectSettled' | 'TaskUpdated' | 'ReportRefused';
  'configuration': 'MeshConfigured';
  'edge-a2a': 'AgentCardPublished' | 'AgentCardRefused' | 'AttemptBegun' | 'AttemptFailed' | 'ProbeSucceeded' | 'CancelRequested' | 'TaskCancelRequested' | 'MeshConfigured' | 'RequestPermitted' | 'RequestDenied' | 'RequestDispatched' | 'IdempotencyKeyUsed' | 'PushConfigurationSet' | 'PushConfigurationDeleted' | 'RequestReceived' | 'AuthenticationFailed' | 'ResponseChunk' | 'ResponseCompleted' | 'ResponseFailed' | 'RequestUnroutable' | 'TaskUpdated' | 'ReportRefused' | 'TaskSnapshot';
  'edge-agents': 'AgentAnnounced' | 'AgentReported' | 'AgentCalled' | 'AgentSlept' | 'StepRecorded' | 'AgentCardPublished' | 'AgentCardRefused' | 'CancelRequested' | 'TaskCancelRequested' | 'MeshConfigured' | 'RequestPermitted' | 'RequestDenied' | 'RequestDispatched' | 'ResponseChunk' | 'ResponseCompleted' | 'ResponseFailed' | 'RequestUnroutable' | 'TaskUpdated' | 'ReportRefused' | 'TaskSnapshot' | 'TimerSet' | 'TimerFired' | 'TimerCleared';
  'edge-llm': 'AttemptBegun' | 'AttemptFailed' | 'ProbeSucceeded' | 'CancelRequested' | 'TaskCancelRequested' | 'MeshConfigured' | 'RequestPermitted' | 'RequestDenied' | 'RequestDispatched' | 'IdempotencyKeyUsed' | 'RequestReceived' | 'AuthenticationFailed' | 'ResponseChunk' | 'ResponseCompleted' | 'ResponseFailed' | 'RequestUnroutable' | 'EffectSettled';
  'edge-mcp': 'AgentCardPublished' | 'AgentCardRefused' | 'AttemptBegun' | 'AttemptFailed' | 'ProbeSucceeded' | 'CancelRequested' | 'TaskCancelRequested' | 'MeshConfigured' | 'RequestPermitted' | 'RequestDenied' | 'ServerObserved' | 'DefinitionObserved' | 'RequestDispatched' | 'IdempotencyKeyUsed' | 'InputProvided' | 'LoggedIn' | 'LoggedOut' | 'LoginRefused' | 'RequestReceived' | 'AuthenticationFailed' | 'ResponseChunk' | 'ResponseCompleted' | 'ResponseFailed' | 'RequestUnroutable' | 'DefinitionReviewed' | 'ResourceChanged' | 'ListChanged' | 'SessionChanged' | 'RootsChanged' | 'EffectSettled' | 'TaskUpdated' | 'ReportRefused';
  'metering': 'MeshConfigured' | 'ResponseChunk' | 'ResponseCompleted' | 'ResponseFailed' | 'RequestUnroutable';
  'policy': 'MeshConfigured' | 'ServerObserved' | 'DefinitionObserved' | 'RequestReceived' | 'AuthenticationFailed' | 'DefinitionReviewed';
  'routing': 'AttemptBegun' | 'AttemptFailed' | 'ProbeSucceeded' | 'BreakerOpened' | 'BreakerClosed' | 'MeshConfigured' | 'RequestPermitted' | 'RequestDenied';
  'task-state': 'CancelRequested' | 'TaskCancelRequested' | 'MeshConfigured' | 'TaskReported' | 'CallReported' | 'SleepReported' | 'TimerSet' | 'TimerFired' | 'TimerCleared';
}
