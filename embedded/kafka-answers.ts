import { connect } from 'node:net';

const TIMEOUT_MS = 5_000;

/**
 * Whether a broker answers on the loopback port and counts itself in the cluster.
 * Speaks Kafka's Metadata request itself: a client library would retry, log and keep connections.
 */
export function kafkaAnswers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    let received = Buffer.alloc(0);
    socket.setTimeout(TIMEOUT_MS, () => end(false));
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
    socket.on('connect', () => socket.write(metadataRequest()));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      // size, correlation id, throttle time, number of brokers: four bytes each.
      if (received.length >= 16) end(received.readInt32BE(12) > 0);
    });
  });
}

/** Metadata, version 4, about no topic. */
function metadataRequest(): Buffer {
  const clientId = Buffer.from('parley');
  const request = Buffer.alloc(4 + 2 + 2 + 4 + 2 + clientId.length + 4 + 1);
  let at = request.writeInt32BE(request.length - 4, 0);
  at = request.writeInt16BE(3, at);
  at = request.writeInt16BE(4, at);
  at = request.writeInt32BE(1, at);
  at = request.writeInt16BE(clientId.length, at);
  at += clientId.copy(request, at);
  request.writeInt32BE(0, at);
  return request;
}
