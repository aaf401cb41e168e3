/**
 * Incremental fetches (KIP-227): the broker remembers which partitions are read and from where, so that a request names only
 * those where that has changed, and the answer only those where something has happened. kafkajs knows the format of such
 * requests and does not make them.
 */
import { createRequire } from 'node:module';
import type { Broker, FetchAnswer, FetchRequest } from './cluster.ts';

const require = createRequire(import.meta.url);
const { requests } = require('kafkajs/src/protocol/requests') as { requests: { Fetch: unknown } };
const { Fetch: FETCH_KEY } = require('kafkajs/src/protocol/requests/apiKeys') as { Fetch: number };

interface Incremental extends FetchRequest {
  sessionId: number;
  sessionEpoch: number;
  forgottenTopics: { topic: string; partitions: number[] }[];
}
type Inside = Broker & { lookupRequest(key: number, definition: unknown): (request: Incremental) => unknown };

const sendSymbol = (broker: Broker): symbol | undefined =>
  Object.getOwnPropertySymbols(Object.getPrototypeOf(broker)).find(
    (s) => s.description === 'private:Broker:sendRequest',
  );

const send = (broker: Broker, request: Incremental): Promise<FetchAnswer> => {
  const symbol = sendSymbol(broker);
  if (!symbol) throw new Error('this version of kafkajs is not known');
  const inside = broker as Inside & Record<symbol, (request: unknown) => Promise<FetchAnswer>>;
  return inside[symbol]!(inside.lookupRequest(FETCH_KEY, requests.Fetch)(request));
};

/** What is read, by topic and partition. */
export type Asked = ReadonlyMap<string, ReadonlyMap<number, { fetchOffset: string; maxBytes: number }>>;

export const askedOf = (topics: FetchRequest['topics']): Asked =>
  new Map(topics.map(({ topic, partitions }) => [topic, new Map(partitions.map((p) => [p.partition, p]))]));

/** What a broker that knows of `before` has to be told. */
export const changesOf = (
  before: Asked,
  topics: FetchRequest['topics'],
): Pick<Incremental, 'topics' | 'forgottenTopics'> => {
  const changed = topics.flatMap(({ topic, partitions }) => {
    const known = before.get(topic);
    const others = partitions.filter(({ partition, fetchOffset, maxBytes }) => {
      const was = known?.get(partition);
      return was?.fetchOffset !== fetchOffset || was.maxBytes !== maxBytes;
    });
    return others.length > 0 ? [{ topic, partitions: others }] : [];
  });
  const after = askedOf(topics);
  const forgottenTopics = [...before].flatMap(([topic, known]) => {
    const partitions = [...known.keys()].filter((partition) => !after.get(topic)?.has(partition));
    return partitions.length > 0 ? [{ topic, partitions }] : [];
  });
  return { topics: changed, forgottenTopics };
};

/** One broker's memory of what is read from it. One fetch at a time. */
export class FetchSession {
  #id = 0;
  /** 0: the next request names everything, and begins a session in place of the last. */
  #epoch = 0;
  #asked: Asked = new Map();

  /** @param request all that is to be read. @throws what kafkajs throws; the next fetch begins anew then. */
  async fetch(broker: Broker, request: FetchRequest): Promise<FetchAnswer> {
    const isFirst = this.#epoch === 0;
    const changes = isFirst ? { topics: request.topics, forgottenTopics: [] } : changesOf(this.#asked, request.topics);
    const whole = { ...request, ...changes, sessionId: this.#id, sessionEpoch: this.#epoch };
    this.#epoch = 0;
    this.#asked = askedOf(request.topics);
    const answer = await send(broker, whole);
    if (answer.errorCode) {
      if (isFirst) throw new Error(`Kafka refused a fetch with error ${answer.errorCode}`);
      // It has forgotten the session, as it does for want of room, or was started anew.
      this.#id = 0;
      return this.fetch(broker, request);
    }
    this.#id = answer.sessionId ?? 0;
    if (this.#id !== 0) this.#epoch = (whole.sessionEpoch % 2 ** 30) + 1;
    return answer;
  }
}
