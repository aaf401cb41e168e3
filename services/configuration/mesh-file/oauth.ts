/** mesh.yaml: how the mesh logs in to an MCP server. */
import { z } from 'zod';
import { environmentReference, words } from './fields.ts';

export const oauth = z
  .strictObject({
    grant: z
      .enum(['authorization_code', 'client_credentials'])
      .default('authorization_code')
      .describe(
        'authorization_code: a person logs the mesh in, with `parley mcp login`. client_credentials: the mesh logs in by itself.',
      ),
    issuer: words(/^https?:\/\/[!-~]+$/, 2048, 'a URL, e.g. https://auth.example.com')
      .optional()
      .describe('The authorization server that knows the client. Its secret or assertions go nowhere else.'),
    clientId: words(/^[ -~]+$/, 2048, 'a client id of printable ASCII')
      .optional()
      .describe('What the authorization server knows the mesh by; default: the mesh registers itself.'),
    clientSecret: environmentReference
      .optional()
      .describe(`Reference to the environment variable that holds it, e.g. \${SEARCH_CLIENT_SECRET}.`),
    privateKey: environmentReference
      .optional()
      .describe(
        'Reference to the environment variable that holds a private key, PKCS #8 in PEM: the client is known by what it signs (private_key_jwt).',
      ),
    algorithm: z
      .enum(['ES256', 'ES384', 'ES512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'])
      .optional()
      .describe('What the private key signs with.'),
    clientMetadataUrl: words(/^https:\/\/[^/\s]+\/[!-~]+$/, 2048, 'an https URL with a path')
      .optional()
      .describe('Where the mesh’s Client ID Metadata Document is, for authorization servers that know clients by one.'),
    scope: words(/^[!-~]+( [!-~]+)*$/, 2048, 'scopes with single spaces between them')
      .optional()
      .describe('What is asked for; default: what the server says it needs.'),
  })
  .refine((o) => o.clientId !== undefined || (o.clientSecret === undefined && o.privateKey === undefined), {
    path: ['clientId'],
    message: 'is needed with clientSecret and with privateKey',
  })
  .refine((o) => o.clientSecret === undefined || o.privateKey === undefined, {
    path: ['privateKey'],
    message: 'give a clientSecret or a privateKey, one of them',
  })
  .refine((o) => (o.privateKey === undefined) === (o.algorithm === undefined), {
    path: ['algorithm'],
    message: 'goes with privateKey',
  })
  .refine((o) => o.issuer !== undefined || (o.clientSecret === undefined && o.privateKey === undefined), {
    path: ['issuer'],
    message: 'is needed with clientSecret and with privateKey, or the MCP server could say where they are sent',
  })
  .refine((o) => o.grant !== 'client_credentials' || o.clientSecret !== undefined || o.privateKey !== undefined, {
    path: ['grant'],
    message: 'client_credentials needs a clientSecret or a privateKey',
  })
  .refine((o) => o.clientId === undefined || o.clientMetadataUrl === undefined, {
    path: ['clientMetadataUrl'],
    message: 'is the client’s id: leave out clientId',
  })
  .describe('How the mesh logs in to the server (OAuth 2.1, as MCP asks for it).');
