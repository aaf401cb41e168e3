/** An agent without the SDK and without manners: late, twice, too much, about tasks of others, in no order, or never. */
import { headersOf } from '../agent-sdk/kafka/envelope.ts';
import { isReadable } from '../invariants/reading.ts';
import { derivedId } from '../services/runtime/event.ts';
import type { AnyRecorded } from '../services/runtime/log.ts';
import type { EventType } from '../topics/index.ts';
import { agentCodec } from './agent-log.ts';
import type { AgentProcess, Behave } from './agent-process.ts';
import type { Cluster } from './cluster.ts';
import type { KnownTask, KnownTasks } from './known-tasks.ts';

type Said = [type: EventType, data: object];

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const agent = 'rogue';

const status = (task: KnownTask, state: string, text = ''): Said => {
  const message = text && { messageId: text, role: 'ROLE_AGENT', parts: [{ text }] };
  const said = { state: `TASK_STATE_${state}`, ...(message ? { message } : {}) };
  return ['AgentReported', { agent, taskId: task.taskId, update: json({ statusUpdate: { ...task, status: said } }) }];
};
const artifact = (task: KnownTask, artifactId: string, append: boolean): Said => {
  const update = json({ artifactUpdate: { ...task, append, artifact: { artifactId, parts: [{ text: 'piece' }] } } });
  return ['AgentReported', { agent, taskId: task.taskId, update }];
};
const direct = (task: KnownTask, role = 'ROLE_AGENT'): Said => {
  const update = json({ message: { messageId: 'd', contextId: task.contextId, role, parts: [{ text: 'direct' }] } });
  return ['AgentReported', { agent, taskId: task.taskId, update }];
};
const whole = (task: KnownTask, state: string): Said => {
  const artifacts = [{ artifactId: 'whole', parts: [{ text: 'one' }, { text: 'two' }] }];
  const update = json({ task: { id: task.taskId, ...task, status: { state: `TASK_STATE_${state}` }, artifacts } });
  return ['AgentReported', { agent, taskId: task.taskId, update }];
};
const call = (
  { taskId }: KnownTask,
  callId: string,
  deadline: number,
  message: unknown = { model: 'small', messages: [] },
): Said => {
  const what = { action: 'model.chat', resource: { type: 'model', id: 'small' }, protocol: 'openai.chat' };
  return ['AgentCalled', { agent, taskId, callId, ...what, deadline, repeatable: true, message: json(message) }];
};
const send = ({ taskId }: KnownTask, callId: string, deadline: number, message: object): Said => {
  const what = { action: 'agent.send', resource: { type: 'agent', id: 'scout' }, protocol: 'a2a' };
  return ['AgentCalled', { agent, taskId, callId, ...what, deadline, repeatable: false, message: json(message) }];
};
const sleep = ({ taskId }: KnownTask, timerId: string, at: number): Said => [
  'AgentSlept',
  { agent, taskId, timerId, at },
];

/** What it says of one message. */
const drawSayings = ({ world: { random, time } }: Cluster, tasks: KnownTasks, told: AnyRecorded): Said[] => {
  const { taskId } = told.data as { taskId: string };
  const task = { taskId, contextId: told.key };
  const deadline = Math.round(time.now() + random.between(1_000, 30_000));
  const other = tasks.any(random) ?? task;
  const soon = Math.round(time.now() + random.between(0, 5_000));
  const end = status(task, random.pick(['COMPLETED', 'FAILED', 'REJECTED', 'COMPLETED']));
  const again = { message: { messageId: 'a', role: 'ROLE_USER', parts: [{ text: '[]' }] } };
  const ways: Said[][] = [
    [],
    [end],
    [direct(task)],
    [status(task, 'INPUT_REQUIRED', 'which?'), status(task, 'WORKING'), end, end],
    [status(task, 'AUTH_REQUIRED')],
    [status(task, 'WORKING'), status(task, 'SUBMITTED'), direct(task), end, status(task, 'WORKING', 'still')],
    [whole(task, 'WORKING'), artifact(task, 'whole', true), whole(task, 'WORKING'), whole(task, 'COMPLETED')],
    [
      status(other, 'COMPLETED', 'stolen'),
      artifact(other, 'stolen', false),
      call(other, 'stolen', deadline),
      sleep(other, 'stolen', soon),
      end,
    ],
    [
      ...Array.from({ length: 40 }, (_, i) => status(task, 'WORKING', `still ${i}`)),
      ...Array.from({ length: 20 }, () => artifact(task, 'flood', true)),
      end,
    ],
    [
      ['AgentReported', { agent, taskId, update: Buffer.from('{') }],
      call(task, 'line\nbreak', deadline),
      sleep(task, 'deadline.mine', soon),
      direct(task, 'ROLE_USER'),
      send(task, 'to nobody', deadline, { message: { ...again.message, taskId: other.taskId } }),
      end,
    ],
    [call(task, 'same', deadline), call(task, 'same', deadline), sleep(task, 'nap', soon), sleep(task, 'nap', soon)],
    [send(task, 'one', deadline, again), send(task, 'two', deadline, again), send(task, 'one', deadline, again), end],
    [call({ ...task, taskId: 'nobody' }, 'no task', deadline), end],
  ];
  return random.pick(ways);
};

const recordOf = (cause: AnyRecorded, [type, data]: Said, id: string) => {
  const about = { id, type, source: `agent/${agent}`, key: cause.key, time: Date.now() };
  const links = { correlationId: cause.correlationId, causationId: cause.id, traceparent: '' };
  const headers = headersOf({ ...about, ...links, taskId: (data as { taskId: string }).taskId });
  return { key: cause.key, value: agentCodec.encode(type, data), headers };
};

/** Beyond these it answers only messages: what is returned to it would have no end. */
const MOST_ANSWERS = 4;

export const rogueOf = (cluster: Cluster, tasks: KnownTasks): Behave => {
  let answers = 0;
  return async (record: AnyRecorded, process: AgentProcess): Promise<void> => {
    const { random } = cluster.world;
    if (!isReadable(record)) return;
    if (record.type !== 'MessageDelivered' && (random.chance(0.6) || answers++ >= MOST_ANSWERS)) return;
    const said = drawSayings(cluster, tasks, record);
    // It does not keep to one id for one thing where it is told twice.
    const run = random.chance(0.5) ? 'again' : cluster.length;
    const records = said.map((one, i) => recordOf(record, one, derivedId(record.id, run, i)));
    if (random.chance(0.3)) records.push(...records);
    if (random.chance(0.1))
      records.push(
        recordOf(
          record,
          ['AgentReported', { agent: 'clerk', taskId: 'x', update: Buffer.alloc(0) }],
          derivedId(record.id, run, 'as another'),
        ),
      );
    if (random.chance(0.2)) await new Promise((resolve) => setTimeout(resolve, random.between(100, 30_000)));
    const patient = random.chance(0.4);
    for (const one of patient ? records.map((r) => [r]) : [records])
      if (one.length > 0) await process.outbox.append(record.partition, one);
  };
};
