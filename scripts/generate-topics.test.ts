import { expect, test } from 'vitest';
import { fileOf } from '../topics/index.ts';
import { generateTopicTypes } from './generate-topics.ts';

test('a template makes a type of names', () => {
  const text = generateTopicTypes([fileOf('mesh.usage'), fileOf('agents.a.inbox')]);
  expect(text).toContain("export type TopicFileName = 'mesh.usage' | 'agents.{agent}.inbox';");
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is TypeScript's, in what is generated.
  expect(text).toContain("export type TopicName = 'mesh.usage' | `agents.${string}.inbox`;");
});
