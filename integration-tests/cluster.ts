import pino from 'pino';
import { inject } from 'vitest';
import { newId } from '../services/runtime/event.ts';
import { applyTopics, type GovernanceOptions } from '../services/runtime/governance/index.ts';
import { createKafkaLog } from '../services/runtime/kafka-log.ts';
import type { Event, Log } from '../services/runtime/log.ts';
import { registrySchemaIds } from '../services/runtime/registry.ts';
import { type EventType, topicOf } from '../topics/index.ts';

export const logger = pino({ level: process.env.LOG_LEVEL ?? 'silent' });

/** A mesh of its own on the shared cluster: its topics under a random prefix. */
export const freshCluster = async (partitions?: number): Promise<GovernanceOptions> => {
  const topicPrefix = `t${newId().slice(-8)}.`;
  const options: GovernanceOptions = {
    partitions,
    kafka: { brokers: inject('brokers'), clientId: 'parley-test' },
    registry: { url: inject('registryUrl'), prefix: topicPrefix },
    topicPrefix,
    logger,
  };
  const left = await applyTopics(options);
  if (left.length > 0) throw new Error(`topics apply left ${left.map((d) => d.what)}`);
  return options;
};

export const openLog = ({ kafka, registry, topicPrefix }: GovernanceOptions): Promise<Log> =>
  createKafkaLog({
    ...kafka,
    topicPrefix,
    schemaIds: registrySchemaIds(registry),
    writes: Object.keys(topicOf) as EventType[],
    logger,
  });

/** An event that needs no other. */
export const cancel = (key: string): Event<'CancelRequested'> => ({
  id: newId(),
  type: 'CancelRequested',
  source: 'test',
  key,
  time: Date.now(),
  correlationId: 'request',
  causationId: 'cause',
  traceparent: '',
  data: { reason: 'CLIENT_GONE' },
});
