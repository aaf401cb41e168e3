import { z } from 'zod';
import { meshFile } from './mesh-file.ts';
import { suggestion } from './nearest.ts';
import type { Finding, Segment } from './problem.ts';

type Issue = z.core.$ZodIssue;
type Schema = z.core.JSONSchema.BaseSchema;

let schema: Schema | undefined;

/** The fields that can be written at a path. */
const fieldsAt = (path: readonly Segment[]): string[] => {
  schema ??= z.toJSONSchema(meshFile, { io: 'input' });
  let here: Schema | undefined = schema;
  for (const segment of path) {
    const members: unknown =
      typeof segment === 'number' ? here?.items : (here?.properties?.[segment] ?? here?.additionalProperties);
    here = typeof members === 'object' ? (members as Schema) : undefined;
  }
  return Object.keys(here?.properties ?? {});
};

const found = (value: unknown): string => {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'a mapping' : `a ${typeof value}`;
};
const wanted: Record<string, string> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  int: 'a whole number',
  boolean: 'true or false',
  string: 'text',
  number: 'a number',
};

const bound = (issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string => {
  const amount = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
  if (issue.origin === 'array') return `must have ${amount} ${amount === 'at least 1' ? 'entry' : 'entries'}`;
  return issue.origin === 'string' ? `must have ${amount} characters` : `must be ${amount}`;
};

/** What an issue means to whoever wrote the file. Values are not repeated: one could be a secret. */
export const explain = (issue: Issue): Finding[] => {
  const path = issue.path as Segment[];
  const finding = (message: string): Finding[] => [{ path, message }];
  if (issue.code === 'unrecognized_keys') {
    const known = fieldsAt(path);
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: `is not a known field${suggestion(key, known)}`,
    }));
  }
  if (issue.code === 'invalid_key') return finding(issue.issues[0]?.message ?? 'is not a name');
  if (issue.input === undefined && issue.code !== 'custom' && issue.code !== 'too_small') return finding('is required');
  if (issue.code === 'invalid_type') {
    const expected = wanted[issue.expected] ?? issue.expected;
    if (issue.input === null) return finding(`is empty: give it ${expected} or remove the line`);
    if (issue.expected === 'int') return finding(`must be ${expected}`);
    const custom = issue.message.startsWith('must be') ? issue.message : `must be ${expected}`;
    return finding(`${custom}, not ${found(issue.input)}`);
  }
  if (issue.code === 'invalid_value')
    return finding(
      `must be ${issue.values
        .map(String)
        .join(', ')
        .replace(/, ([^,]*)$/, ' or $1')}`,
    );
  if ((issue.code === 'too_small' || issue.code === 'too_big') && !issue.message.startsWith('must'))
    return finding(bound(issue));
  return finding(issue.message);
};
