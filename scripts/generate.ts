/**
 * Writes schemas/generated.ts from schemas/*.avsc, topics/generated.ts from topics/*.yaml and mesh.schema.json.
 * `--check` writes nothing and exits 1 when either is not what it would write.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { schemaFiles } from '../schemas/index.ts';
import { meshJsonSchema } from '../services/configuration/json-schema.ts';
import { topicFiles } from '../topics/topic-file.ts';
import { generateSchemaTypes } from './generate-schemas.ts';
import { generateTopicTypes } from './generate-topics.ts';

const outputs = [
  { path: new URL('../schemas/generated.ts', import.meta.url), text: generateSchemaTypes(schemaFiles()) },
  { path: new URL('../topics/generated.ts', import.meta.url), text: generateTopicTypes(topicFiles()) },
  { path: new URL('../mesh.schema.json', import.meta.url), text: meshJsonSchema() },
];

const current = (path: URL) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

const stale = outputs.filter(({ path, text }) => current(path) !== text);
if (process.argv.includes('--check')) {
  for (const { path } of stale) console.error(`${path.pathname} is not current: run \`npm run generate\``);
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  for (const { path, text } of stale) writeFileSync(path, text);
}
