/** What a person is told of an error: one clear line that says what to do, and the stack only with DEBUG set. */

export const NOT_APPLIED =
  'the topics of the mesh are not on this cluster: run `parley topics apply` (or set PARLEY_TOPIC_PREFIX to theirs)';

interface KafkaError extends Error {
  type?: string;
  broker?: string;
}

/** What kafkajs says through its retries. */
const innermost = (error: Error): KafkaError => (error.cause instanceof Error ? innermost(error.cause) : error);

const advice = (error: KafkaError): string | undefined => {
  const { name, type, message } = error;
  if (type === 'UNKNOWN_TOPIC_OR_PARTITION') return NOT_APPLIED;
  if (type?.endsWith('_AUTHORIZATION_FAILED'))
    return `Kafka does not allow it: ${message}. Ask for READ on the mesh.* topics.`;
  if (name === 'KafkaJSSASLAuthenticationError')
    return `Kafka refuses the credentials: ${message}. Check KAFKA_SASL_*.`;
  if (name === 'KafkaJSConnectionError' || name === 'KafkaJSRequestTimeoutError')
    return `Kafka does not answer: ${message}. Check KAFKA_BROKERS, and KAFKA_SSL if it wants TLS.`;
  return undefined;
};

/** @param debug with the stack, and those of its causes. */
export const explain = (error: unknown, debug: boolean): string => {
  if (!(error instanceof Error)) return String(error);
  if (debug) return `${error.stack ?? error.message}${error.cause ? `\ncaused by ${explain(error.cause, true)}` : ''}`;
  return advice(innermost(error)) ?? error.message;
};
