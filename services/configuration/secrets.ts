import type { Finding, Segment } from './problem.ts';
import { select } from './references.ts';

const reference = /\$\{[A-Za-z_][A-Za-z0-9_]*\}/;
const secretHeader =
  /^(authorization|proxy-authorization|cookie|x-api-key|api-key|.*(token|secret|password|credential).*)$/i;
/** The shapes of keys in use: OpenAI and its like, GitHub, Slack, AWS, Google, Hugging Face, JWT. */
const secretShape = /\b(sk-|sk_|gh[opsu]_|xox[a-z]-|hf_|gsk_|AKIA|AIza|eyJ[\w-]+\.eyJ)[\w-]{12,}/;
const remedy = `put it into an environment variable and write \${ITS_NAME}`;

const strings = (value: unknown, path: Segment[] = []): { path: Segment[]; value: string }[] => {
  if (typeof value === 'string') return [{ path, value }];
  return select(value, ['*']).flatMap((member) => strings(member.value, [...path, ...member.path]));
};

const mayRefer = ([section, , field]: readonly Segment[]) =>
  (section === 'providers' || section === 'agents') && (field === 'url' || field === 'apiKey' || field === 'headers');

/** Secrets written out, and references where nobody would resolve them. Never repeats the secret. */
export const secretFindings = (file: unknown): Finding[] =>
  strings(file).flatMap(({ path, value }) => {
    const isHeader = (path[0] === 'providers' || path[0] === 'agents') && path[2] === 'headers';
    if (secretShape.test(value) && path[2] !== 'apiKey') return [{ path, message: `looks like a secret: ${remedy}` }];
    if (isHeader && secretHeader.test(String(path[3])) && !reference.test(value))
      return [{ path, message: `is a secret by its name: ${remedy}` }];
    if (mayRefer(path) && value.replaceAll(new RegExp(reference, 'g'), '').includes('${'))
      return [{ path, message: `holds a reference that cannot be read; write \${NAME}` }];
    if (!mayRefer(path) && value.includes('${'))
      return [
        { path, message: `cannot hold \${…}: references are for url, apiKey and headers of providers and agents` },
      ];
    return [];
  });
