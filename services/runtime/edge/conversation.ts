const ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** A tenant as part of a conversation id: without a colon, so that no tenant's ids can be read as another's. */
const prefixOf = (tenant: string): string => `${encodeURIComponent(tenant.toWellFormed())}:`;

/**
 * The conversation that a call belongs to, `<tenant>:<id>`: nobody can write into another tenant's.
 * @param given the caller's `x-conversation-id`; one that Parley returned, with the tenant before it, is taken as it is.
 * @param made the id to use where none is given.
 * @returns undefined when what was given is not an id: 1 to 128 of A-Z a-z 0-9 . _ : -
 */
export const conversationOf = (tenant: string, given: string | undefined, made: string): string | undefined => {
  const prefix = prefixOf(tenant);
  if (given === undefined) return prefix + made;
  const id = given.startsWith(prefix) ? given.slice(prefix.length) : given;
  return ID.test(id) ? prefix + id : undefined;
};
