"""Records as docs/a2a-over-kafka.md describes them: envelope, wire format, registry."""
import io
import json
import struct
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timezone

import fastavro

TIMEOUT_S = 10


class Unreadable(Exception):
    """A record that is not as the document says."""


class Registry:
    """Schemas by id, and the latest of a record."""

    def __init__(self, url, prefix):
        self.url, self.prefix = url.rstrip("/"), prefix
        self.by_id, self.latest = {}, {}

    def _get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=TIMEOUT_S) as response:
            return json.load(response)

    def schema(self, schema_id):
        """Raises Unreadable where there is no such schema."""
        if schema_id not in self.by_id:
            try:
                found = self._get(f"/schemas/ids/{schema_id}")
            except urllib.error.HTTPError as error:
                if error.code != 404:
                    raise
                raise Unreadable(f"schema id {schema_id} is not in the registry") from error
            self.by_id[schema_id] = fastavro.parse_schema(json.loads(found["schema"]))
        return self.by_id[schema_id]

    def of(self, record):
        """The id and the schema by which to write a record."""
        if record not in self.latest:
            subject = urllib.parse.quote(f"{self.prefix}mesh.{record}", safe="")
            found = self._get(f"/subjects/{subject}/versions/latest")
            self.latest[record] = (found["id"], fastavro.parse_schema(json.loads(found["schema"])))
        return self.latest[record]


def encode(registry, record, data):
    schema_id, schema = registry.of(record)
    out = io.BytesIO()
    out.write(struct.pack(">bI", 0, schema_id))
    fastavro.schemaless_writer(out, schema, data)
    return out.getvalue()


def decode(registry, value):
    """Raises Unreadable; an error of the registry goes through."""
    if value is None or len(value) < 5 or value[0] != 0:
        raise Unreadable("not in Confluent's wire format")
    schema = registry.schema(struct.unpack(">I", value[1:5])[0])
    try:
        return fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None)
    except Exception as error:  # whatever fastavro makes of bytes that are not of the schema
        raise Unreadable(f"not of its schema: {error!r}") from error


def headers(agent, record, said_id, key, correlation, cause, traceparent):
    return {
        "ce_specversion": "1.0",
        "ce_id": said_id,
        "ce_type": f"mesh.{record}",
        "ce_source": f"agent/{agent}",
        "ce_subject": key,
        "ce_time": now_text(),
        "ce_correlationid": correlation,
        "ce_causationid": cause,
        "traceparent": traceparent,
        "content-type": "application/avro",
    }


def now_text():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
