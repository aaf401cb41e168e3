import type { Access, Authorizer } from './cedar.ts';

/**
 * Answers the same request from memory, as evaluation is pure. @param most answers kept; then the oldest goes.
 * What could not be evaluated is tried again.
 */
export const remembering = (authorizer: Authorizer, most: number): Authorizer => {
  const answers = new Map<string, Access>();
  return {
    authorize: (request) => {
      const key = JSON.stringify(request);
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
