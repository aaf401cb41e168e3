import { OAuthError } from '@modelcontextprotocol/client';
import { CallFailed } from '../call-failed.ts';

/** What an authorization server says of itself rather than of who asks (RFC 6749, 4.1.2.1). */
const FOR_NOW = new Set(['server_error', 'temporarily_unavailable', 'too_many_requests']);
const CODE = /^[\w.-]{1,64}$/;

/**
 * @param error what the SDK's OAuth client threw.
 * @returns it as a call's failure, `cause` of which has the words of others: those are for who looks after the mesh.
 */
export const loginFailed = (error: unknown): CallFailed => {
  if (error instanceof CallFailed) return error;
  if (error instanceof Error && error.cause instanceof CallFailed) return error.cause;
  const isOAuth = error instanceof OAuthError;
  const said = isOAuth && CODE.test(error.code) ? ` (${error.code})` : '';
  const reason = isOAuth && FOR_NOW.has(error.code) ? 'UPSTREAM_ERROR' : 'MISCONFIGURED';
  const failed = new CallFailed(reason, `The mesh could not log in to the MCP server${said}.`, false, { status: 401 });
  failed.cause = error;
  return failed;
};
