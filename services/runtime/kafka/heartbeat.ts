/**
 * Two ways in which a consumer of kafkajs 2.2.4 stops sending heartbeats, is given up by its group, and never hears of it:
 * its rejoining failed after it had dropped its member id, as when the coordinator dies at that moment; or the clock was
 * set back, and it waits until the time of its last heartbeat has come again.
 */
import { createRequire } from 'node:module';

interface ConsumerGroup {
  memberId: string | null;
  /** By the clock of the machine. */
  lastRequest: number;
  heartbeat(options: { interval: number }): Promise<void>;
}

const require = createRequire(import.meta.url);
const { prototype } = require('kafkajs/src/consumer/consumerGroup') as { prototype: ConsumerGroup };
const { KafkaJSProtocolError } = require('kafkajs/src/errors') as { KafkaJSProtocolError: new (e: object) => Error };

const heartbeat = prototype.heartbeat;
prototype.heartbeat = async function (options) {
  // What a coordinator says to a member it does not know: kafkajs joins the group again.
  if (!this.memberId)
    throw new KafkaJSProtocolError({ message: 'not a member', type: 'UNKNOWN_MEMBER_ID', code: 25, retriable: false });
  if (this.lastRequest > Date.now()) this.lastRequest = 0;
  return heartbeat.call(this, options);
};
