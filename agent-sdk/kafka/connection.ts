import { createRequire } from 'node:module';
import net from 'node:net';
import tls from 'node:tls';
import { type ISocketFactory, Kafka, logLevel, type SASLOptions } from 'kafkajs';
import type { Logger } from 'pino';
import type { Environment } from '../environment.ts';

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

// kafkajs 2.2.4 sets a timer of -1 ms after every request, which Node 24 warns of. Only a queue that waits has to be looked at.
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

export const createKafka = ({ brokers, ssl, sasl }: Environment, clientId: string, logger: Logger): Kafka =>
  new Kafka({
    clientId,
    brokers,
    ...(ssl ? { ssl } : {}),
    ...(sasl ? { sasl: sasl as SASLOptions } : {}),
    connectionTimeout: 3_000,
    requestTimeout: 15_000,
    socketFactory,
    retry: { initialRetryTime: 100, maxRetryTime: 3_000, retries: 8 },
    logLevel: logLevel.WARN,
    logCreator:
      () =>
      ({ level, log: { message, error, topic, groupId, broker } }) => {
        logger[level <= logLevel.WARN ? 'warn' : 'debug']({ error, topic, groupId, broker }, `kafka: ${message}`);
      },
  });
