import { expect, test } from 'vitest';
import { mentionedIn } from './mentioned.ts';

test('an id is mentioned where a policy has it as a literal', () => {
  const mentioned = mentionedIn([
    `permit(principal, action, resource == Tool::"files/read"); // not "files/list"`,
    `forbid(principal, action, resource) when { resource in [Tool // "
      :: "files/file:///x"] };`,
  ]);
  expect(['files/read', 'files/file:///x', 'files/list', 'files'].map(mentioned)).toEqual([true, true, false, false]);
});

test('where one is written with escapes any may be meant', () => {
  expect(mentionedIn([String.raw`permit(principal, action, resource == Tool::"\u{66}iles/read");`])('files/read')).toBe(
    true,
  );
});
