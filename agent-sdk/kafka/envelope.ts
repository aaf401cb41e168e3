/** The envelope: CloudEvents 1.0, Kafka protocol binding, binary content mode, with two attributes of the agents' topics. */
import type { IHeaders, KafkaMessage } from 'kafkajs';
import { operationKinds, type Statement, type Told } from '../task/records.ts';
import { type Box, type Codec, Undecodable } from './codec.ts';

const PREFIX = 'mesh.';

export interface Envelope {
  id: string;
  type: string;
  source: string;
  key: string;
  /** Milliseconds since the epoch. */
  time: number;
  correlationId: string;
  causationId: string;
  traceparent: string;
  taskId: string;
  /** As `operationOf` gives it, of a statement about a task. */
  operation?: string;
}

/** Number and kind, `3 ask`, or `end`. */
export const operationOf = ({ number, kind }: Pick<Statement, 'number' | 'kind'>): string =>
  kind === 'end' ? kind : `${number} ${kind}`;

/** @returns of the end: a number of no operation. @throws Undecodable */
const readOperation = (text: string): Pick<Statement, 'number' | 'kind'> => {
  if (text === 'end') return { number: -1, kind: 'end' };
  const [, number, name] = /^(\d{1,9}) (\w+)$/.exec(text) ?? [];
  const kind = operationKinds.find((known) => known === name && known !== 'end');
  if (number === undefined || !kind) throw new Undecodable(`its ce_operation '${text}' is none`);
  return { number: Number(number), kind };
};

export const headersOf = (envelope: Envelope): Record<string, string> => ({
  ce_specversion: '1.0',
  ce_id: envelope.id,
  ce_type: PREFIX + envelope.type,
  ce_source: envelope.source,
  ce_subject: envelope.key,
  ce_time: new Date(envelope.time).toISOString(),
  ce_correlationid: envelope.correlationId,
  ce_causationid: envelope.causationId,
  ...(envelope.taskId ? { ce_taskid: envelope.taskId } : {}),
  ...(envelope.operation ? { ce_operation: envelope.operation } : {}),
  traceparent: envelope.traceparent,
  'content-type': 'application/avro',
});

const text = (headers: IHeaders | undefined, name: string): string => headers?.[name]?.toString() ?? '';

/** Empty where a record is no event. */
export const typeOf = ({ headers }: KafkaMessage): string => text(headers, 'ce_type').replace(PREFIX, '');
export const idOf = ({ headers }: KafkaMessage): string => text(headers, 'ce_id');
/** Empty where the header is not there: then only the data says it. */
export const taskOf = ({ headers }: KafkaMessage): string => text(headers, 'ce_taskid');

const readRecord = async (message: KafkaMessage, box: Box, codec: Codec) => {
  const { headers, key, value } = message;
  const type = typeOf(message);
  const data = await codec.decode(box, type, value ?? Buffer.alloc(0));
  return { id: idOf(message), type, contextId: key?.toString() ?? '', traceparent: text(headers, 'traceparent'), data };
};

/** A record of the inbox. @throws as `Codec.decode`. */
export const readTold = async (message: KafkaMessage, codec: Codec): Promise<Told> =>
  (await readRecord(message, 'inbox', codec)) as Told;

/** A record of the outbox. @throws as `Codec.decode`, and Undecodable for one that is not of this SDK. */
export const readStatement = async (message: KafkaMessage, codec: Codec): Promise<Statement> => {
  const { headers } = message;
  return {
    ...(await readRecord(message, 'outbox', codec)),
    ...readOperation(text(headers, 'ce_operation')),
    correlationId: text(headers, 'ce_correlationid'),
    causationId: text(headers, 'ce_causationid'),
    time: Date.parse(text(headers, 'ce_time')),
  } as unknown as Statement;
};
