import type { Access, Authorizer } from './cedar.ts';

const MAX_KEY = 4_096;

/**
 * Answers the same request from memory, as evaluation is pure. @param most answers kept; then the oldest goes.
 * What could not be evaluated is tried again, and what takes much memory to know again (a call with a file in its arguments) is
 * not kept.
 */
export const remembering = (authorizer: Authorizer, most: number): Authorizer => {
  const answers = new Map<string, Access>();
  return {
    authorize: (request) => {
      const key = JSON.stringify(request);
      if (key.length > MAX_KEY) return authorizer.authorize(request);
      const known = answers.get(key);
      if (known) return known;
      const access = authorizer.authorize(request);
      if (access.errors.length > 0) return access;
      if (answers.size >= most) answers.delete(answers.keys().next().value!);
      answers.set(key, access);
      return access;
    },
  };
};
