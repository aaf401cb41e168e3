import type { KafkaMessage } from 'kafkajs';
import type { Logger } from 'pino';
import type { Journal } from '../task/journal.ts';
import type { Statement, Told } from '../task/records.ts';
import { type Box, type Codec, Undecodable } from './codec.ts';
import { headersOf, idOf, operationOf, readStatement, readTold, taskOf } from './envelope.ts';
import { readJournals } from './journals.ts';
import type { Outbox } from './outbox.ts';
import { patiently } from './patiently.ts';
import type { Reader } from './reader.ts';

export interface PartitionLogOptions {
  agent: string;
  inbox: string;
  outbox: string;
  reader: Reader;
  writer: Outbox;
  codec: Codec;
  logger: Logger;
}

/** What the tasks of one partition were told and have said, and what they say now. */
export class PartitionLog {
  readonly #number: number;
  readonly #options: PartitionLogOptions;
  readonly #wanted: () => boolean;
  readonly #foreign: (taskId: string, id: string) => void;
  /** The outbox up to here is known. */
  #outboxNext = 0;
  #checked: Promise<void> = Promise.resolve();

  /**
   * @param wanted whether the partition is this process's: all else ends in Unwanted.
   * @param foreign told of each statement that lies between this process's own: another process's, or an own one again.
   */
  constructor(
    number: number,
    options: PartitionLogOptions,
    wanted: () => boolean,
    foreign: (taskId: string, id: string) => void,
  ) {
    this.#number = number;
    this.#options = options;
    this.#wanted = wanted;
    this.#foreign = foreign;
  }

  /** Takes note of where the outbox ends. @returns where the inbox does. */
  open(): Promise<number> {
    const { reader, inbox, outbox } = this.#options;
    return this.#surely('the ends of the topics are not known', async () => {
      this.#outboxNext = await reader.end(outbox, this.#number);
      return await reader.end(inbox, this.#number);
    });
  }

  /** What a record of the inbox tells; undefined for one that can't be read. */
  read(message: KafkaMessage): Promise<Told | undefined> {
    return this.#unlessUndecodable('inbox', message, () => readTold(message, this.#options.codec));
  }

  /** Appends, and looks at what others have appended in between, if they did. @throws TooLarge */
  async write(statements: readonly Statement[]): Promise<void> {
    const { agent, codec, writer } = this.#options;
    const messages = statements.map((statement) => {
      const { contextId: key, type, data } = statement;
      const about = { source: `agent/${agent}`, taskId: data.taskId, operation: operationOf(statement) };
      return { key, value: codec.encode(type, data), headers: headersOf({ ...statement, key, ...about }) };
    });
    const offset = await writer.append(this.#number, messages);
    const from = this.#outboxNext;
    this.#outboxNext = Math.max(from, offset + messages.length);
    if (offset > from) this.#checked = this.#checked.then(() => this.#check(from, offset));
    await this.#checked;
  }

  /** The journals of tasks, by their ids. */
  journals(tasks: readonly { taskId: string; contextId: string }[]): Promise<Map<string, Journal>> {
    const { reader, codec, inbox, outbox } = this.#options;
    const source = {
      reader,
      inbox,
      outbox,
      partition: this.#number,
      told: (message: KafkaMessage) => this.read(message),
      said: (message: KafkaMessage) => this.#unlessUndecodable('outbox', message, () => readStatement(message, codec)),
    };
    return this.#surely('a journal could not be read', () => readJournals(source, tasks));
  }

  async #check(from: number, end: number): Promise<void> {
    const { reader, outbox } = this.#options;
    const between: KafkaMessage[] = [];
    await this.#surely('the outbox could not be read', async () => {
      between.length = 0;
      await reader.read(outbox, this.#number, from, end, (message) => between.push(message));
    });
    for (const message of between) this.#foreign(taskOf(message), idOf(message));
  }

  async #unlessUndecodable<T>(box: Box, message: KafkaMessage, read: () => Promise<T>): Promise<T | undefined> {
    const isFinal = (error: unknown) => error instanceof Undecodable;
    try {
      return await this.#surely('a record could not be decoded', read, isFinal);
    } catch (error) {
      if (!isFinal(error)) throw error;
      const where = { partition: this.#number, offset: message.offset };
      this.#options.logger.error({ err: error, ...where }, `a record of the ${box} is passed over`);
      return undefined;
    }
  }

  #surely<T>(what: string, work: () => Promise<T>, final?: (error: unknown) => boolean): Promise<T> {
    const { logger } = this.#options;
    return patiently(what, work, { logger, wanted: this.#wanted, ...(final ? { final } : {}) });
  }
}
