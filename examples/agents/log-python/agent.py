"""An agent on the log, made from docs/a2a-over-kafka.md alone. See README.md."""
import logging
import os
import signal
import time
import uuid

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from behaviour import Behaviour, to_bytes
from records import Registry, Unreadable, decode, encode, headers

BINDING = "https://parley.dev/bindings/a2a-over-kafka/v1"
MAX_BYTES = 16 * 1024 * 1024
INBOX_RECORDS = {
    "MessageDelivered", "CallAnswered", "CallUpdated", "TimerElapsed", "CancelDelivered", "ReportReturned",
}  # fmt: skip
log = logging.getLogger("log-python")


class Agent:
    def __init__(self, name, brokers, registry_url, prefix):
        self.name, self.prefix = name, prefix
        self.registry = Registry(registry_url, prefix)
        self.inbox, self.outbox = f"{prefix}agents.{name}.inbox", f"{prefix}agents.{name}.outbox"
        self.consumer = Consumer({
            "bootstrap.servers": brokers,
            "group.id": f"{prefix}agent.{name}.inbox",  # commits nothing
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "fetch.message.max.bytes": MAX_BYTES,
        })
        self.producer = Producer({
            "bootstrap.servers": brokers,
            "enable.idempotence": True,
            "acks": "all",
            "partitioner": "murmur2_random",
            "message.max.bytes": MAX_BYTES,
            "message.timeout.ms": 0,  # never gives up: a gap would be a statement that nobody hears
        })
        self.behaviour = Behaviour()
        self.said = set()  # ce_ids of the outbox
        self.seen = set()  # ce_ids of the inbox

    def run(self, stopping):
        self.read_to_end(self.outbox, lambda record: self.said.add(envelope_of(record).get("ce_id")), stopping)
        self.announce()
        self.read_to_end(self.inbox, self.take, stopping)
        log.info("has read what was, %d tasks are open", len(self.behaviour.tasks))
        while not stopping():
            record = self.consumer.poll(0.05)
            if record is not None and not is_end_of_partition(record) and not is_trouble(record):
                self.take(record)
            for task, statements in self.behaviour.slow_steps():
                if not self.say(task, statements, task.cause, f"step {task.step}"):
                    task.due = 0  # it was done before a restart
            self.producer.poll(0)
        self.producer.flush()
        self.consumer.close()

    def read_to_end(self, topic, take, stopping):
        """Hands over all that is in a topic now, from the beginning. The consumer stays there."""
        partitions = self.partitions_of(topic, stopping)
        self.consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        left = set(partitions)
        while left and not stopping():
            record = self.consumer.poll(1)
            if record is None:
                continue
            if is_end_of_partition(record):
                left.discard(record.partition())
            elif not is_trouble(record):
                take(record)

    def partitions_of(self, topic, stopping):
        """Waits for the topic: the mesh makes it."""
        while not stopping():
            found = self.consumer.list_topics(topic, timeout=10).topics[topic]
            if found.error is None and found.partitions:
                return list(found.partitions)
            log.info("waits for %s", topic)
            time.sleep(1)
        return []

    def take(self, record):
        envelope = envelope_of(record)
        kind, record_id = envelope.get("ce_type", "").removeprefix("mesh."), envelope.get("ce_id")
        if kind not in INBOX_RECORDS or not record_id or record_id in self.seen:
            return
        try:
            data = decode(self.registry, record.value())
            task, statements = self.behaviour.handle(kind, data, {"traceparent": "", **envelope})
        except Unreadable as error:
            log.warning("passes over %s at %d/%d: %s", kind, record.partition(), record.offset(), error)
            return
        except (KeyError, ValueError, TypeError) as error:
            log.warning("can do nothing about %s %s: %r", kind, record_id, error)
            return
        finally:
            self.seen.add(record_id)
        self.say(task, statements, record_id, "")

    def say(self, task, statements, cause, part):
        """Whether any of it had not been said before."""
        new = 0
        for place, (kind, data) in enumerate(statements):
            # Follows from the cause alone: said again after a restart, it is the same statement.
            said_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.name} {cause} {part} {place}"))
            new += self.append(kind, data, said_id, task.context, task.request, cause, task.traceparent)
        return new > 0

    def announce(self):
        card = to_bytes(self.card())
        said_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.name} {card!r}"))
        self.append("AgentAnnounced", {"card": card}, said_id, self.name, f"agent/{self.name}", "", "")

    def append(self, kind, data, said_id, key, correlation, cause, traceparent):
        if said_id in self.said:
            return False
        self.said.add(said_id)
        value = encode(self.registry, kind, {"agent": self.name, **data})
        envelope = headers(self.name, kind, said_id, key, correlation, cause, traceparent)
        while True:
            try:
                self.producer.produce(self.outbox, value, key, headers=envelope, on_delivery=delivered)
                return True
            except BufferError:
                self.producer.poll(1)

    def card(self):
        return {
            "name": self.name,
            "description": "Does what the conformance kit asks for.",
            "version": "1.0.0",
            "supportedInterfaces": [
                {"url": f"kafka://main/{self.inbox}", "protocolBinding": BINDING, "protocolVersion": "1.0"}
            ],
            "capabilities": {"streaming": True},
            "defaultInputModes": ["text/plain"],
            "defaultOutputModes": ["text/plain"],
            "skills": [
                {"id": "echo", "name": "Echo", "description": "Says what it was told.", "tags": ["conformance"]}
            ],
        }


def envelope_of(record):
    return {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers() or []}


def is_end_of_partition(record):
    """Whether it is no record but the news that there is none."""
    return record.error() is not None and record.error().code() == KafkaError._PARTITION_EOF


def is_trouble(record):
    """Whether it is no record but an error: those that reach us pass by themselves."""
    if record.error() is not None:
        log.warning("kafka: %s", record.error())
    return record.error() is not None


def delivered(error, _record):
    if error is not None:
        log.error("could not say it: %s", error)
        os._exit(1)  # started again, it will say it


def main():
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    stopped = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.append(True))
    Agent(
        os.environ.get("PARLEY_AGENT", "log-python"),
        os.environ["KAFKA_BROKERS"],
        os.environ["SCHEMA_REGISTRY_URL"],
        os.environ.get("PARLEY_TOPIC_PREFIX", ""),
    ).run(lambda: bool(stopped))


if __name__ == "__main__":
    main()
