import { createRequire } from 'node:module';
import net from 'node:net';
import tls from 'node:tls';
import { type ISocketFactory, Kafka, logLevel, type SASLOptions } from 'kafkajs';
import type { Logger } from 'pino';
import './crc32c.ts';
import './heartbeat.ts';
import './produce-request.ts';
import './record-encoding.ts';

/** How to reach a cluster. */
export interface KafkaOptions {
  brokers: string[];
  clientId: string;
  tls?: { ca?: string; cert?: string; key?: string } | undefined;
  sasl?: { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: string } | undefined;
}

// kafkajs leaves Nagle's algorithm on, which holds small requests back until the last is acknowledged.
const socketFactory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const servername = net.isIP(host) ? {} : { servername: host };
  const socket = ssl
    ? tls.connect({ host, port, ...servername, ...ssl }, onConnect)
    : net.connect({ host, port }, onConnect);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 60_000);
  return socket;
};

// kafkajs 2.2.4 sets a timer after every request, with a delay counted from -1, which Node 24 warns of. Only a throttled
// or waiting queue has anything to check.
interface RequestQueue {
  pending: unknown[];
  throttledUntil: number;
}
const require = createRequire(import.meta.url);
const { prototype } = require('kafkajs/src/network/requestQueue') as {
  prototype: { scheduleCheckPendingRequests(this: RequestQueue): void };
};
const schedule = prototype.scheduleCheckPendingRequests;
prototype.scheduleCheckPendingRequests = function () {
  if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
};

/** A kafkajs client whose own log goes to `logger`: warnings and errors as warnings, the rest as debug. */
export const createKafka = (options: KafkaOptions, logger: Logger): Kafka =>
  new Kafka({
    clientId: options.clientId,
    brokers: options.brokers,
    ...(options.tls ? { ssl: options.tls } : {}),
    ...(options.sasl ? { sasl: options.sasl as SASLOptions } : {}),
    connectionTimeout: 3_000,
    requestTimeout: 15_000,
    enforceRequestTimeout: true,
    socketFactory,
    retry: { initialRetryTime: 100, maxRetryTime: 3_000, retries: 8 },
    logLevel: logLevel.WARN,
    logCreator:
      () =>
      ({ level, log: { message, timestamp: _, logger: __, ...rest } }) => {
        const about = { kafka: { error: rest.error, topic: rest.topic, groupId: rest.groupId, broker: rest.broker } };
        if (level <= logLevel.WARN) logger.warn(about, `kafka: ${message}`);
        else logger.debug(about, `kafka: ${message}`);
      },
  });
