/** What fields of mesh.yaml have in common. */
import { z } from 'zod';
import { durationPattern, parseDuration, parseSize, sizePattern } from '../quantities.ts';

export const words = (pattern: RegExp, max: number, what: string) =>
  z
    .string(`must be ${what}`)
    .regex(pattern, { error: `must be ${what}`, abort: true })
    .max(max, `must not be longer than ${max}`);

export const name = words(
  /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
  64,
  'a name of letters, digits, dots, dashes and underscores',
);
export const modelName = words(/^[A-Za-z0-9][\w.:/@-]*$/, 128, 'a name of letters, digits and . : / @ _ -');
export const person = words(
  /^[^\s/"\\]+$/,
  128,
  "a person's id without spaces, slashes and quotes, e.g. owner@example.com",
);
export const duration = words(durationPattern, 12, 'a whole number and ms, s, m, h or d, e.g. 30s').transform(
  parseDuration,
);
export const size = words(sizePattern, 12, 'a whole number and B, KiB, MiB or GiB, e.g. 10MiB').transform(parseSize);
export const count = z.int().min(1).max(1_000_000);
export const modelInterface = z.enum(['chat', 'responses', 'embeddings']);
export const environmentReference = words(
  /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/,
  130,
  `a reference to an environment variable, e.g. \${OPENAI_API_KEY}, never the key itself`,
);
export const instant = z
  .union(
    [z.iso.date(), z.iso.datetime({ offset: true })],
    'must be a day or an instant, e.g. 2027-01-31 or 2027-01-31T12:00:00Z',
  )
  .transform((text) => new Date(text).toISOString());
export const pricePerMillion = z.number().min(0).max(1_000_000);

export const apiKey = environmentReference
  .optional()
  .describe(
    `Reference to the environment variable that holds the key, e.g. \${OPENAI_API_KEY}. Resolved only where the server is called.`,
  );
export const headers = z
  .record(
    words(/^[\w!#$%&'*+.^`|~-]+$/, 128, 'a header name'),
    words(/^[\t -~]*$/, 4096, 'a header value of printable ASCII'),
  )
  .default({})
  .describe(`Headers sent with every call. Secrets as \${ENV} references, e.g. x-api-key: \${OTHER_KEY}.`);
export const timeouts = z
  .strictObject({
    connect: duration.prefault('5s').describe('To establish a connection.'),
    firstByte: duration.prefault('60s').describe('From the request sent to the first byte of its answer.'),
    idle: duration.prefault('30s').describe('Between two parts of an answer.'),
  })
  .prefault({})
  .describe('How long a call may take, by stage.');
export const responseSize = size.prefault('16MiB').describe('The largest answer that is accepted.');
export const tags = z.record(name, z.string().max(256)).default({});
