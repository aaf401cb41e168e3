/** A record of the outbox, read as the kit understands it. */
import avro from 'avsc';
import { wholeSchema } from '../schemas/index.ts';
import type { EventData } from '../topics/index.ts';
import { type A2AType, a2aFaults } from './a2a-json.ts';
import type { Registry } from './registry.ts';
import type { RawRecord } from './topics.ts';

export const outboxTypes = ['AgentAnnounced', 'AgentReported', 'AgentCalled', 'AgentSlept', 'StepRecorded'] as const;
export type OutboxType = (typeof outboxTypes)[number];

interface PartsJson {
  parts?: { text?: string }[];
}
export interface MessageJson extends PartsJson {
  role?: string;
  contextId?: string;
  taskId?: string;
}
export interface StatusJson {
  state?: string;
  message?: MessageJson;
}
export interface ArtifactJson extends PartsJson {
  artifactId?: string;
}
/** A2A's StreamResponse and AgentCard in ProtoJSON, as far as the kit looks at them. */
export interface A2AJson {
  task?: { id?: string; contextId?: string; status?: StatusJson; artifacts?: ArtifactJson[] };
  message?: MessageJson;
  statusUpdate?: { taskId?: string; contextId?: string; status?: StatusJson };
  artifactUpdate?: { taskId?: string; contextId?: string; artifact?: ArtifactJson; append?: boolean };
  supportedInterfaces?: { url?: string; protocolBinding?: string }[];
}

export interface Heard extends RawRecord {
  id: string;
  type: OutboxType | '';
  keyText: string;
  data: { [T in OutboxType]: Partial<EventData[T]> }[OutboxType] & { taskId?: string };
  /** The A2A data in it; undefined where there is none, or it is not valid. */
  json: A2AJson | undefined;
  /** What is wrong with the A2A data. */
  faults: string[];
  /** Subjects under which its schema is registered. */
  subjects: string[];
  /** Why it could not be read; empty where it could. */
  unreadable: string;
}

const FRAME = 5;
const a2a: Partial<Record<OutboxType, [field: string, type: A2AType]>> = {
  AgentAnnounced: ['card', 'AgentCard'],
  AgentReported: ['update', 'StreamResponse'],
};

const readJson = (heard: Heard, field: string, type: A2AType) => {
  try {
    const json: unknown = JSON.parse(String((heard.data as Record<string, unknown>)[field]));
    heard.faults = a2aFaults(type, json);
    if (heard.faults.length === 0) heard.json = json as A2AJson;
  } catch (error) {
    heard.faults = [(error as Error).message];
  }
};

const typeOf = (header: string | undefined): OutboxType | '' =>
  outboxTypes.find((type) => header === `mesh.${type}`) ?? '';

/** Reads records of the outbox. */
export const createReader = (registry: Registry) => {
  const writers = new Map<number, Promise<{ type: avro.Type; subjects: string[] }>>();
  const writerOf = (id: number) => {
    const asked =
      writers.get(id) ??
      (async () => {
        const schema = await registry.schemaOf(id);
        if (!schema) throw new Error(`its schema id ${id} is not in the registry`);
        return { type: avro.Type.forSchema(schema as avro.Schema), subjects: await registry.subjectsOf(id) };
      })();
    writers.set(id, asked);
    return asked;
  };
  return async (raw: RawRecord): Promise<Heard> => {
    const type = typeOf(raw.headers.ce_type);
    const heard: Heard = {
      ...raw,
      id: raw.headers.ce_id ?? '',
      type,
      keyText: raw.key?.toString() ?? '',
      data: {},
      json: undefined,
      faults: [],
      subjects: [],
      unreadable: '',
    };
    try {
      if (type === '') throw new Error(`${raw.headers.ce_type} is no record of an outbox`);
      if (!raw.value || raw.value.length < FRAME || raw.value[0] !== 0)
        throw new Error("not in Confluent's wire format");
      const writer = await writerOf(raw.value.readUInt32BE(1));
      heard.subjects = writer.subjects;
      const reader = avro.Type.forSchema(wholeSchema(type) as avro.Schema);
      heard.data = reader.fromBuffer(raw.value.subarray(FRAME), reader.createResolver(writer.type));
    } catch (error) {
      heard.unreadable = (error as Error).message;
    }
    const [field, a2aType] = a2a[heard.type || 'StepRecorded'] ?? [];
    if (field && a2aType && heard.unreadable === '') readJson(heard, field, a2aType);
    return heard;
  };
};
