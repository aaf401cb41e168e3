export interface ServerSettings {
  port: number;
  controllerPort: number;
  dataDir: string;
  /** Kafka's own authorizer, so that ACLs can be made and listed; whoever is not named in one may do anything. */
  authorizer?: boolean;
  /** Further settings, or other values for these. */
  properties?: Record<string, string | number | boolean>;
}

/** server.properties of a Kafka that is broker and controller at once, alone, on loopback. */
export function serverProperties({
  port,
  controllerPort,
  dataDir,
  authorizer = false,
  properties = {},
}: ServerSettings): string {
  const settings: Record<string, string | number | boolean> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': dataDir,

    'auto.create.topics.enable': false,
    'num.partitions': 1,
    // message.max.bytes stays as Kafka has it: a topic that takes more says so itself, here as on any cluster.

    // Alone: nothing to replicate to, nobody to wait for.
    'default.replication.factor': 1,
    'min.insync.replicas': 1,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 4,
    'group.initial.rebalance.delay.ms': 0,
    // How long a broker that comes back after kill -9 waits for its former self to be counted out; 9 s by default.
    'broker.session.timeout.ms': 3_000,
    'broker.heartbeat.interval.ms': 500,

    // The default is 128 MiB of heap.
    'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024,
    ...(authorizer && {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'allow.everyone.if.no.acl.found': true,
      'super.users': 'User:ANONYMOUS',
    }),
    ...properties,
  };
  const escaped = (value: string | number | boolean) => String(value).replaceAll('\\', '\\\\');
  return `${Object.entries(settings)
    .map(([name, value]) => `${name}=${escaped(value)}`)
    .join('\n')}\n`;
}
