/** For tests: topics of agents on a real Kafka, and the mesh's side of them, which answers every call once. */
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import avro from 'avsc';
import { Kafka, type KafkaMessage, logLevel, Partitioners } from 'kafkajs';
import { wholeSchema } from '../../schemas/index.ts';
import type { Message, StreamResponse } from '../a2a.ts';
import { newId } from '../ids.ts';
import type { Told } from '../task/records.ts';

/** A record of an outbox, decoded. */
export interface Heard {
  agent: string;
  id: string;
  type: string;
  key: string;
  operation: string;
  taskId: string;
  headers: Record<string, string>;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it knows to be there.
  data: any;
}

export interface TestMesh {
  /** What an agent's environment has to hold. */
  env: NodeJS.ProcessEnv;
  heard: Heard[];
  /** Begins a task. @returns its id. */
  send(agent: string, text: string): Promise<string>;
  /** Says it as another process of the agent would. @param like a record that it has said, whose envelope is taken. */
  forge(like: Heard, envelope: Record<string, string>, data: object): Promise<void>;
  /** Puts a record about a task into a box of which nobody knows the schema. @param like a record that the agent has said. */
  spoil(box: 'inbox' | 'outbox', like: Heard): Promise<void>;
  /** State and text of a task's last report, once it has ended. */
  ending(taskId: string): Promise<string>;
  /** What the group of an agent has committed, and where the inbox ends, summed over partitions. */
  progress(agent: string): Promise<{ committed: number; end: number }>;
  close(): Promise<void>;
}

interface Options {
  brokers: string[];
  registryUrl: string;
  agents: string[];
  partitions?: number;
  /** Answers to a question; it may wait. */
  answer?(question: string): Promise<string> | string;
}

const TYPES = [
  ...['MessageDelivered', 'CallAnswered', 'CallUpdated', 'TimerElapsed', 'CancelDelivered', 'ReportReturned'],
  ...['AgentAnnounced', 'AgentReported', 'AgentCalled', 'AgentSlept', 'StepRecorded'],
];
const SUBJECT = { tenant: 't', unit: 'u', agent: 'asker', person: 'p@example.com', credential: 'c', actors: [] };

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));
const json = (value: Buffer) => JSON.parse(value.toString());
const retryUntil = async <T>(what: string, look: () => T | undefined | Promise<T | undefined>, withinMs = 80_000) => {
  for (const end = Date.now() + withinMs; Date.now() < end; ) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((wake) => setTimeout(wake, 20));
  }
  throw new Error(`${what} did not happen`);
};

export { retryUntil as until };

export const startTestMesh = async ({
  brokers,
  registryUrl,
  agents,
  partitions = 1,
  answer,
}: Options): Promise<TestMesh> => {
  const prefix = `t${newId().slice(-8)}.`;
  const topicOf = (agent: string, box: 'inbox' | 'outbox') => `${prefix}agents.${agent}.${box}`;
  const kafka = new Kafka({ brokers, clientId: 'parley-test', logLevel: logLevel.NOTHING });
  const registry = new SchemaRegistry({ host: registryUrl });
  const types = new Map(TYPES.map((name) => [name, avro.Type.forSchema(wholeSchema(name) as avro.Schema)]));
  const ids = new Map<string, number>();
  for (const name of TYPES) {
    const schema = { type: SchemaType.AVRO, schema: JSON.stringify(wholeSchema(name)) } as const;
    ids.set(name, (await registry.register(schema, { subject: `${prefix}mesh.${name}` })).id);
  }
  const admin = kafka.admin();
  await admin.connect();
  const boxes = agents.flatMap((agent) => [topicOf(agent, 'inbox'), topicOf(agent, 'outbox')]);
  const configEntries = [{ name: 'message.timestamp.type', value: 'LogAppendTime' }];
  const topics = boxes.map((topic) => ({ topic, numPartitions: partitions, configEntries }));
  await admin.createTopics({ topics, waitForLeaders: false });
  for (const topic of boxes)
    await retryUntil(`${topic} having leaders`, () => admin.fetchTopicOffsets(topic).catch(() => undefined));

  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const tell = async (agent: string, key: string, type: Told['type'], data: object, id = newId()) => {
    const value = types.get(type)!.toBuffer({ agent, ...data });
    const frame = Buffer.alloc(5);
    frame.writeUInt32BE(ids.get(type)!, 1);
    const headers = {
      ce_specversion: '1.0',
      ce_id: id,
      ce_type: `mesh.${type}`,
      ce_source: 'edge-agents',
      ce_subject: key,
    };
    const message = { key, value: Buffer.concat([frame, value]), headers: { ...headers, traceparent: '' } };
    await producer.send({ topic: topicOf(agent, 'inbox'), messages: [message] });
  };
  const deliver = (agent: string, contextId: string, taskId: string, text: string, continues: boolean) => {
    const message: Message = { messageId: newId(), contextId, taskId, role: 'ROLE_USER', parts: [{ text }] };
    const turn = { requestId: newId(), subject: SUBJECT, continues, deadline: Date.now() + 3_600_000 };
    return tell(agent, contextId, 'MessageDelivered', { taskId, contextId, ...turn, request: bytes({ message }) });
  };

  const answerCall = async ({ agent, id, key, data: { taskId, callId, action, message } }: Heard) => {
    const about = { taskId, callId };
    if (action === 'model.chat') {
      const content = `said of ${json(message).messages[0].content}`;
      const completion = { id: callId, choices: [{ index: 0, message: { role: 'assistant', content } }] };
      const answered = { ...about, outcome: 'COMPLETED', status: 200, reason: '', message: bytes(completion) };
      return await tell(agent, key, 'CallAnswered', answered, `answer to ${id}`);
    }
    const childTaskId = newId();
    const status = {
      state: 'TASK_STATE_COMPLETED',
      message: { messageId: 'm', role: 'ROLE_AGENT', parts: [{ text: 'found' }] },
    };
    const updates = [
      { task: { id: childTaskId, contextId: key, status: { state: 'TASK_STATE_WORKING' } } },
      { statusUpdate: { taskId: childTaskId, contextId: key, status } },
    ];
    for (const [i, update] of updates.entries()) {
      const state = i === 0 ? 'TASK_STATE_WORKING' : 'TASK_STATE_COMPLETED';
      const updated = { ...about, childTaskId, sequence: i + 1, state, update: bytes(update) };
      await tell(agent, key, 'CallUpdated', updated, `update ${i} to ${id}`);
    }
  };

  const react = async (heard: Heard) => {
    const { agent, id, key, type, data, operation } = heard;
    if (type === 'AgentCalled') await answerCall(heard);
    if (type === 'AgentSlept')
      await tell(agent, key, 'TimerElapsed', { taskId: data.taskId, timerId: data.timerId }, `elapsed ${id}`);
    if (!operation.endsWith('ask')) return;
    const asked = (json(data.update) as StreamResponse).statusUpdate?.status.message?.parts[0]?.text ?? '';
    await deliver(agent, key, data.taskId, (await answer?.(asked)) ?? `yes to ${asked}`, true);
  };

  const heard: Heard[] = [];
  const known = new Set<string>();
  const hear = (agent: string, { headers = {}, key, value }: KafkaMessage) => {
    if (headers.spoilt) return;
    const named = Object.fromEntries(Object.entries(headers).map(([name, v]) => [name, String(v)]));
    const type = named.ce_type!.replace('mesh.', '');
    const { ce_id: id = '', ce_operation: operation = '', ce_taskid: taskId = '' } = named;
    const data = types.get(type)!.fromBuffer(value!.subarray(5));
    const record = { agent, id, type, key: key!.toString(), operation, taskId, headers: named, data };
    heard.push(record);
    if (known.has(id)) return;
    known.add(id);
    void react(record);
  };
  const consumer = kafka.consumer({ groupId: `${prefix}test`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  const agentOf = new Map(agents.map((agent) => [topicOf(agent, 'outbox'), agent]));
  await consumer.subscribe({ topics: [...agentOf.keys()], fromBeginning: true });
  await consumer.run({ eachMessage: async ({ topic, message }) => hear(agentOf.get(topic)!, message) });

  return {
    env: {
      KAFKA_BROKERS: brokers.join(','),
      SCHEMA_REGISTRY_URL: registryUrl,
      PARLEY_TOPIC_PREFIX: prefix,
      LOG_LEVEL: process.env.LOG_LEVEL ?? 'error',
    },
    heard,
    send: async (agent, text) => {
      const taskId = newId();
      await deliver(agent, newId(), taskId, text, false);
      return taskId;
    },
    forge: async ({ agent, key, type, headers }, envelope, data) => {
      const frame = Buffer.alloc(5);
      frame.writeUInt32BE(ids.get(type)!, 1);
      const value = Buffer.concat([frame, types.get(type)!.toBuffer(data)]);
      await producer.send({
        topic: topicOf(agent, 'outbox'),
        messages: [{ key, value, headers: { ...headers, ...envelope } }],
      });
    },
    spoil: async (box, { agent, key, headers }) => {
      const types = { inbox: 'mesh.CallAnswered', outbox: headers.ce_type! };
      const spoilt = { ...headers, ce_type: types[box], ce_id: newId(), spoilt: 'yes' };
      const value = Buffer.from([0, 0x7f, 0xff, 0xff, 0xf0, 1, 2, 3]);
      await producer.send({ topic: topicOf(agent, box), messages: [{ key, value, headers: spoilt }] });
    },
    ending: (taskId) =>
      retryUntil(`the end of ${taskId}`, () => {
        const end = heard.find((h) => h.taskId === taskId && h.operation === 'end');
        if (!end) return undefined;
        const { message, statusUpdate } = json(end.data.update) as StreamResponse;
        const { state = 'MESSAGE', message: said = message } = statusUpdate?.status ?? {};
        return `${state} ${said?.parts[0]?.text ?? ''}`;
      }),
    progress: async (agent) => {
      const topic = topicOf(agent, 'inbox');
      const [group] = await admin.fetchOffsets({ groupId: `${prefix}agent.${agent}.tasks`, topics: [topic] });
      const ends = await admin.fetchTopicOffsets(topic);
      const sum = (offsets: { offset: string }[]) =>
        offsets.reduce((all, { offset }) => all + Math.max(0, Number(offset)), 0);
      return { committed: sum(group?.partitions ?? []), end: sum(ends) };
    },
    close: async () => {
      await consumer.disconnect();
      await producer.disconnect();
      await admin.deleteTopics({ topics: boxes });
      await admin.disconnect();
    },
  };
};
