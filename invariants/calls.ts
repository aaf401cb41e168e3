/** What agents on the log ask for, and what they are told. */
import { isDeepStrictEqual } from 'node:util';
import { agentOf } from '../topics/index.ts';
import { about, firstOfEach, groupedBy, invariant, type LoggedRecord, type Of, ofTypes } from './reading.ts';
import { isEnded, lastSnapshots } from './tasks.ts';

const callOf = ({ agent, taskId, callId }: Of<'CallReported'>['data']) => `agent/${agent}/${taskId}/${callId}`;

/** A call of an agent becomes one request: of the agent, for the person of its task, with those who asked before it. */
export const callsOnce = invariant('calls once', function* ({ records, mayBeOpen }) {
  const events = firstOfEach(records);
  const tasks = lastSnapshots(records);
  const requests = groupedBy(
    ofTypes(events, 'RequestReceived').filter(({ data }) => data.request.id.startsWith('agent/')),
    ({ data }) => data.request.id,
  );
  const dead = new Set(ofTypes(events, 'EventDeadLettered').map(({ causationId }) => causationId));
  const refused = new Set(
    ofTypes(events, 'ReportRefused').map(({ data }) => `agent/${data.agent}/${data.taskId}/${data.callId}`),
  );
  const calls = groupedBy(ofTypes(events, 'CallReported'), ({ data }) => callOf(data));
  for (const [id, [call]] of calls) {
    const own = requests.get(id) ?? [];
    if (own.length > 1) yield about(call!, `the call ${id} was made ${own.length} times`);
    const task = tasks.get(call!.data.taskId);
    const isAnswered = own.length > 0 || refused.has(id) || dead.has(call!.id) || (task && isEnded(task));
    if (!isAnswered && !mayBeOpen) yield about(call!, `nothing came of the call ${id}`);
    for (const { data } of own) {
      const { subject, parentTaskId } = data.request;
      const of = task?.data.subject;
      const isRight =
        of &&
        parentTaskId === call!.data.taskId &&
        subject.agent === call!.data.agent &&
        subject.person === of.person &&
        isDeepStrictEqual([...subject.actors], [...of.actors, of.agent]);
      if (!isRight)
        yield about(
          call!,
          `the call ${id} is made by ${subject.agent} for ${subject.person}, through ${subject.actors}`,
        );
    }
  }
  for (const [id, [request]] of requests) if (!calls.has(id)) yield about(request!, `${id} is the request of no call`);
});

const pathOf = (requestId: string) => /^agent\/([^/]+)\/([^/]+)\/(.+)$/s.exec(requestId)?.slice(1) ?? [];

const inboxOf = (events: readonly LoggedRecord[]) =>
  events.filter(({ topic }) => agentOf(topic) && topic.endsWith('.inbox'));

/** What an agent on the log is to be told is in its inbox, once: messages, ends of its calls, timers. */
export const agentsTold = invariant('agents told', function* ({ records, mayBeOpen }) {
  const events = firstOfEach(records);
  const told = groupedBy(inboxOf(events), ({ causationId }) => causationId);
  const dead = new Set(ofTypes(events, 'EventDeadLettered').map(({ causationId }) => causationId));
  const tellings = [
    ...ofTypes(events, 'RequestDispatched').filter(
      ({ data }) => data.target.connection === `agent:${data.target.name}`,
    ),
    ...ofTypes(events, 'TimerFired').filter(({ data }) => data.purpose === 'SLEEP'),
    ...ofTypes(events, 'RequestDenied', 'RequestUnroutable', 'ResponseFailed', 'ResponseCompleted').filter((event) => {
      if (pathOf(event.correlationId).length === 0) return false;
      const { action } = event.data;
      return event.type !== 'ResponseCompleted' || action !== 'agent.send' || event.data.message.includes('{"message"');
    }),
    ...ofTypes(events, 'TaskUpdated').filter(({ correlationId }) => pathOf(correlationId).length > 0),
  ];
  for (const event of tellings) {
    const own = told.get(event.id)?.length ?? 0;
    if (own > 1) yield about(event, `its agent was told ${own} times of ${event.type}`);
    if (own === 0 && !mayBeOpen && !dead.has(event.id)) yield about(event, `its agent was not told of ${event.type}`);
  }
});

/** What a step does it does once; again only where a run could not know that it was recorded. */
export const stepsOnce = invariant('steps once', function* ({ records, effects = [] }) {
  const recorded = new Map<string, number>();
  for (const { data, sequence } of ofTypes(firstOfEach(records), 'StepRecorded')) {
    const step = `${data.agent} ${data.taskId} ${data.name}`;
    if (sequence !== undefined && !recorded.has(step)) recorded.set(step, sequence);
  }
  const runs = new Set<string>();
  for (const { agent, taskId, step, run, knew } of effects) {
    const which = `${agent} ${taskId} ${step}`;
    const message = `step ${step} of task ${taskId}`;
    if (runs.has(`${which} ${run}`))
      yield { contextId: '', requestId: '', message: `${message} was done twice in a run` };
    runs.add(`${which} ${run}`);
    if ((recorded.get(which) ?? Number.POSITIVE_INFINITY) < knew)
      yield { contextId: '', requestId: '', message: `${message} was done again although it was recorded` };
  }
});
