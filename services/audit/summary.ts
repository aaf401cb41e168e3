/** What an audit entry says of an event beside where it is: who, what, of what, with what outcome, and why. */
import type { Request } from '../../schemas/generated.ts';
import type { EventData, Reads } from '../../topics/index.ts';
import { redaction } from '../runtime/redaction.ts';
import type { Evidence } from './chain.ts';

export type Summary = Pick<Evidence, 'subject' | 'action' | 'resource' | 'outcome' | 'reason' | 'configurationVersion'>;

const MAX_REASON = 500;

const cut = (text: string, max: number): string => (text.length > max ? `${text.slice(0, max).toWellFormed()}…` : text);

/** A reason may quote an upstream: it is without secrets and cut, never inside a character, which the log could not hold. */
const bounded = (text: string): string => cut(redaction.text(cut(text, 4 * MAX_REASON)), MAX_REASON);

const nothing: Summary = {
  subject: null,
  action: '',
  resource: null,
  outcome: '',
  reason: '',
  configurationVersion: '',
};

const asked = (
  by: Pick<Request, 'subject' | 'action' | 'resource'> | null,
): Pick<Summary, 'subject' | 'action' | 'resource'> => {
  if (!by) return nothing;
  const { type, id } = by.resource;
  // The URI of a resource of a server may hold a password, or a key in its query.
  return { subject: by.subject, action: by.action, resource: { type, id: redaction.text(id) } };
};

const agentOf = ({ agent }: { agent: string }) => ({ type: 'agent', id: agent });
const ofAgent = (by: { agent: string; subject: Request['subject'] }) => ({
  subject: by.subject,
  action: 'agent.send',
  resource: agentOf(by),
});

const failed = ({ reason, message }: { reason: string; message: string }) => bounded(`${reason}: ${message}`);

const summaries = {
  RequestReceived: (d) => ({ ...asked(d.request), outcome: 'received' }),
  AuthenticationFailed: (d) => ({
    outcome: 'unauthenticated',
    reason: bounded([d.reason, d.credential, d.count > 1 ? `${d.count} times` : ''].filter(Boolean).join(', ')),
  }),
  CancelRequested: (d) => ({ outcome: 'cancelled', reason: d.reason }),
  RequestPermitted: ({ request, decision }) => ({
    ...asked(request),
    outcome: 'permitted',
    reason: bounded(decision.reason),
    configurationVersion: decision.configurationVersion,
  }),
  RequestDenied: (d) => ({
    ...asked(d),
    outcome: 'denied',
    reason: bounded(`${d.reason}: ${d.decision.reason}`),
    configurationVersion: d.decision.configurationVersion,
  }),
  RequestDispatched: (d) => ({
    ...asked(d.request),
    outcome: 'dispatched',
    reason: bounded(`${d.target.id}: ${d.reason}`),
    configurationVersion: d.configurationVersion,
  }),
  RequestUnroutable: (d) => ({
    ...asked(d),
    outcome: 'unroutable',
    reason: d.failure ? bounded(`${d.reason}, ${failed(d.failure)}`) : d.reason,
    configurationVersion: d.configurationVersion,
  }),
  AttemptBegun: (d) => ({ outcome: 'begun', reason: bounded(d.target.id) }),
  AttemptFailed: (d) => ({ ...asked(d.request), outcome: 'failed-attempt', reason: failed(d.failure) }),
  ProbeSucceeded: (d) => ({ outcome: 'probe-succeeded', reason: bounded(d.target.id) }),
  ResponseCompleted: (d) => ({ ...asked(d), outcome: 'completed' }),
  ResponseFailed: (d) => ({ ...asked(d), outcome: 'failed', reason: failed(d.failure) }),
  InputProvided: (d) => ({ outcome: 'input-provided', reason: bounded(d.inputId) }),
  EffectSettled: (d) => ({
    outcome: d.happened ? 'settled-happened' : 'settled-not-happened',
    reason: bounded(`${d.by}: ${d.note}`),
  }),
  DefinitionReviewed: (d) => ({
    action: 'definition.review',
    resource: { type: d.kind.toLowerCase(), id: redaction.text(`${d.server}/${d.name}`) },
    outcome: `review-${d.verdict.toLowerCase()}`,
    reason: bounded(`${d.by}${d.note ? `: ${d.note}` : ''}`),
  }),
  LoggedIn: (d) => ({
    action: 'server.login',
    resource: { type: 'server', id: d.server },
    outcome: 'logged-in',
    reason: bounded(`${d.by} at ${d.issuer}`),
  }),
  LoggedOut: (d) => ({
    action: 'server.login',
    resource: { type: 'server', id: d.server },
    outcome: 'logged-out',
    reason: bounded(`${d.by}: ${d.reason}`),
  }),
  TaskUpdated: (d) => ({ ...ofAgent(d), outcome: d.state }),
  TaskCancelRequested: (d) => ({ ...ofAgent(d), outcome: 'cancel-requested', reason: bounded(d.reason) }),
  ReportRefused: (d) => ({
    resource: agentOf(d),
    outcome: 'report-refused',
    reason: bounded(`${d.reason}: ${d.message}`),
  }),
  AgentCardPublished: (d) => ({ resource: agentOf(d), outcome: 'card-published', reason: d.signature }),
  AgentCardRefused: (d) => ({ resource: agentOf(d), outcome: 'card-refused', reason: bounded(d.reason) }),
  PushDelivered: (d) => ({ outcome: 'pushed', reason: d.configurationId }),
  PushFailed: (d) => ({ outcome: 'push-failed', reason: bounded(d.reason) }),
  MeshConfigured: (d) => ({ outcome: 'configured', configurationVersion: d.version }),
  BreakerOpened: (d) => ({ outcome: 'breaker-opened', reason: bounded(`${d.target}: ${d.reason}`) }),
  BreakerClosed: (d) => ({ outcome: 'breaker-closed', reason: bounded(`${d.target}: ${d.reason}`) }),
} satisfies { [T in Reads['audit']]?: (data: EventData[T]) => Partial<Summary> };

/** What is audited: everything that was asked, ruled, done and answered, and what all of that was done under. */
export type AuditedType = keyof typeof summaries;

export const auditedTypes = Object.keys(summaries) as AuditedType[];

/** An event whose data cannot be read is audited all the same, without a summary. */
export const summaryOf = (event: { type: AuditedType; readonly data: EventData[AuditedType] }): Summary => {
  try {
    const summarize = summaries[event.type] as (data: EventData[AuditedType]) => Partial<Summary>;
    return { ...nothing, ...summarize(event.data) };
  } catch {
    return nothing;
  }
};
