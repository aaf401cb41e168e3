import type { AvroField, AvroSchema, NamedSchema } from '../schemas/index.ts';

const header = '// Made by `npm run generate`. Do not edit.\n';
const primitives: Record<string, string> = {
  string: 'string',
  bytes: 'Buffer',
  int: 'number',
  long: 'number',
  float: 'number',
  double: 'number',
  boolean: 'boolean',
  null: 'null',
};

const typeOf = (schema: AvroSchema): string => {
  if (Array.isArray(schema)) return schema.map(typeOf).join(' | ');
  if (typeof schema === 'string') return primitives[schema] ?? schema;
  if ('items' in schema) return `${typeOf(schema.items)}[]`;
  if ('values' in schema) return `Record<string, ${typeOf(schema.values)}>`;
  return typeOf(schema.type);
};

// A field with a default may be left out when writing, yet is always there when read: avsc fills it in.
const fieldOf = (field: AvroField) => `  /** ${field.doc} */\n  ${field.name}: ${typeOf(field.type)};`;

const declarationOf = (schema: NamedSchema): string =>
  schema.type === 'enum'
    ? `/** ${schema.doc} */\nexport type ${schema.name} = ${schema.symbols.map((s) => `'${s}'`).join(' | ')};\n`
    : `/** ${schema.doc} */\nexport interface ${schema.name} {\n${schema.fields.map(fieldOf).join('\n')}\n}\n`;

/** TypeScript declarations for Avro schemas, in the order given. */
export const generateSchemaTypes = (schemas: readonly NamedSchema[]): string =>
  [header, ...schemas.map(declarationOf)].join('\n');
