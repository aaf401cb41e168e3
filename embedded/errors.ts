export type EmbeddedErrorCode =
  | 'JAVA_NOT_FOUND'
  | 'MAVEN_NOT_FOUND'
  | 'INSTALL_FAILED'
  | 'PORT_IN_USE'
  | 'JVM_DIED'
  | 'START_TIMEOUT'
  | 'ALREADY_RUNNING';

/** Why Kafka or the registry cannot run on this machine. The message is for a person and says what to do next. */
export class EmbeddedError extends Error {
  override readonly name = 'EmbeddedError';
  readonly code: EmbeddedErrorCode;

  constructor(code: EmbeddedErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const OTHER_WAYS = `Two other ways on, neither of which needs Java or Maven here:
  docker compose up                    Kafka, a schema registry and the mesh in containers (docker-compose.yml)
  KAFKA_BROKERS=host:9092 SCHEMA_REGISTRY_URL=http://host:8081 npm start
                                       a cluster and a registry that exist`;

/** `found` lists what was looked at, e.g. `Java 11 at /usr/bin/java`. */
export function javaNotFound(found: string[]): EmbeddedError {
  const seen = found.length > 0 ? `found only ${found.join(' and ')}` : 'found none (looked at JAVA_HOME and PATH)';
  return new EmbeddedError(
    'JAVA_NOT_FOUND',
    `Kafka on this machine needs Java 17 or newer; ${seen}. Install a JDK or JRE (17+), or set JAVA_HOME.\n${OTHER_WAYS}`,
  );
}

export function mavenNotFound(): EmbeddedError {
  return new EmbeddedError(
    'MAVEN_NOT_FOUND',
    `Fetching Kafka the first time needs Maven (mvn), which is not on PATH. Install Maven 3.8 or newer.\n${OTHER_WAYS}`,
  );
}
