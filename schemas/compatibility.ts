import { readFileSync, writeFileSync } from 'node:fs';
import avro from 'avsc';
import type { RecordSchema } from './index.ts';

/** Every version of a record that was published, oldest first, by the record's name. */
export type Published = Record<string, RecordSchema[]>;

const FILE = `${import.meta.dirname}/published.json`;

export const readPublished = (): Published => JSON.parse(readFileSync(FILE, 'utf8')) as Published;

export const writePublished = (published: Published): void =>
  writeFileSync(FILE, `${JSON.stringify(published, null, 1)}\n`);

const canRead = (reader: RecordSchema, writer: RecordSchema): string | undefined => {
  try {
    avro.Type.forSchema(reader as avro.Schema).createResolver(avro.Type.forSchema(writer as avro.Schema));
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
};

/**
 * Where records can't be read: by this version, of one that was published, or the other way round. FULL_TRANSITIVE, as the
 * registry would say it, with no registry.
 */
export const incompatibilities = (current: readonly RecordSchema[], published: Published): string[] =>
  current.flatMap((schema) =>
    (published[schema.name] ?? []).flatMap((old, i) => {
      const here = canRead(schema, old);
      const there = canRead(old, schema);
      return [
        ...(here ? [`${schema.name} can't read what version ${i + 1} wrote: ${here}`] : []),
        ...(there ? [`version ${i + 1} of ${schema.name} can't read what this one writes: ${there}`] : []),
      ];
    }),
  );

/** `published` with the current schemas as its newest versions, where they differ. */
export const publish = (current: readonly RecordSchema[], published: Published): Published =>
  Object.fromEntries(
    current.map((schema) => {
      const versions = published[schema.name] ?? [];
      const same = JSON.stringify(versions.at(-1)) === JSON.stringify(schema);
      return [schema.name, same ? versions : [...versions, schema]];
    }),
  );
