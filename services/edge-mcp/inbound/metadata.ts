/** OAuth 2.0 Protected Resource Metadata (RFC 9728): keys are presented as bearer tokens, and no authorization server gives them. */
export const METADATA_PATH = '/.well-known/oauth-protected-resource';

const pathOf = (endpoint: string): string => (endpoint === '' ? '/mcp' : `/mcp/${encodeURIComponent(endpoint)}`);

export const metadataUrlOf = (publicUrl: string, endpoint: string): string =>
  publicUrl + METADATA_PATH + pathOf(endpoint);

/** Says nothing of whether there is such an endpoint: who asks is a stranger. */
export const metadataOf = (publicUrl: string, endpoint: string): object => ({
  resource: publicUrl + pathOf(endpoint),
  bearer_methods_supported: ['header'],
  resource_name: 'Parley',
});
