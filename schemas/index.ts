/** The Avro schemas of the mesh: one file a record, `mesh.<file name>`, each the contract of every reader and writer. */
import { readdirSync, readFileSync } from 'node:fs';

export type AvroSchema =
  | string
  | AvroSchema[]
  | { type: 'array'; items: AvroSchema }
  | { type: 'map'; values: AvroSchema }
  | { type: string; logicalType: string }
  | NamedSchema;
export interface AvroField {
  name: string;
  type: AvroSchema;
  doc: string;
  default?: unknown;
}
export interface RecordSchema {
  type: 'record';
  name: string;
  namespace: string;
  doc: string;
  fields: AvroField[];
}
export interface EnumSchema {
  type: 'enum';
  name: string;
  namespace: string;
  doc: string;
  symbols: string[];
  default: string;
}
export type NamedSchema = RecordSchema | EnumSchema;

/** Every schema as its file has it, by name. */
export const schemaFiles = (): NamedSchema[] =>
  readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.avsc'))
    .sort()
    .map((file) => JSON.parse(readFileSync(`${import.meta.dirname}/${file}`, 'utf8')) as NamedSchema);

const byName = new Map(schemaFiles().map((schema) => [schema.name, schema]));

/**
 * The schema of a record with every schema that it names written out at its first use: what a registry can take.
 * @throws when there is no file of that name.
 */
export const wholeSchema = (name: string): RecordSchema => {
  const written = new Set<string>();
  const expand = (schema: AvroSchema): AvroSchema => {
    if (typeof schema === 'string') {
      const named = byName.get(schema);
      return named && !written.has(schema) ? expandNamed(named) : schema;
    }
    if (Array.isArray(schema)) return schema.map(expand);
    if ('items' in schema) return { ...schema, items: expand(schema.items) };
    if ('values' in schema) return { ...schema, values: expand(schema.values) };
    return schema;
  };
  const expandNamed = (schema: NamedSchema): NamedSchema => {
    written.add(schema.name);
    if (schema.type === 'enum') return schema;
    return { ...schema, fields: schema.fields.map((field) => ({ ...field, type: expand(field.type) })) };
  };
  const root = byName.get(name);
  if (root?.type !== 'record') throw new Error(`no record schemas/${name}.avsc`);
  return expandNamed(root) as RecordSchema;
};
