import { keyShape } from '../runtime/redaction.ts';
import type { Finding, Segment } from './problem.ts';
import { select } from './references.ts';

const reference = /\$\{[A-Za-z_][A-Za-z0-9_]*\}/;
const secretHeader =
  /^(authorization|proxy-authorization|cookie|x-api-key|api-key|.*(token|secret|password|credential).*)$/i;
const secretShape = new RegExp(keyShape);
const remedy = `put it into an environment variable and write \${ITS_NAME}`;
const remedyOfCommand = `give it to the command in env, as \${ITS_NAME}: the command itself is recorded`;
/** Of an option, or of what is written as NAME=value or Name: value. Not `token-file`, `max-tokens`. */
const secretName = /(?:^|[-_])(?:authorization|api[-_]?key|access[-_]?key|token|secret|password|passwd|passphrase)$/i;
const assignment = /^-{0,2}([\w-]+)\s*[=:]\s*\S/;

const strings = (value: unknown, path: Segment[] = []): { path: Segment[]; value: string }[] => {
  if (typeof value === 'string') return [{ path, value }];
  return select(value, ['*']).flatMap((member) => strings(member.value, [...path, ...member.path]));
};

/** Where it is, in what is called: the field, and of headers and environments the name. */
const inServer = ([section, ...path]: readonly Segment[]): Segment[] => {
  if (section === 'providers' || section === 'agents') return path.slice(1);
  return section === 'mcp' && path[0] === 'servers' ? path.slice(2) : [];
};

const referring: ReadonlySet<Segment | undefined> = new Set(['url', 'apiKey', 'headers', 'env']);
const referringInOAuth: ReadonlySet<Segment | undefined> = new Set(['clientSecret', 'privateKey']);
const named: ReadonlySet<Segment | undefined> = new Set(['headers', 'env']);

/** Whether an argument is a secret by the name that it, or the option before it, gives it. */
const isNamedSecret = (argument: string, before: string): boolean => {
  const [, own = ''] = assignment.exec(argument) ?? [];
  const option = before.startsWith('-') && !argument.startsWith('-') ? before : '';
  return secretName.test(own) || secretName.test(option);
};

const inCommands = (file: unknown): Finding[] =>
  select(file, ['mcp', 'servers', '*', 'command']).flatMap(({ path, value }) => {
    if (!Array.isArray(value)) return [];
    const words = value.map((one) => (typeof one === 'string' ? one : ''));
    return words.flatMap((word, i) =>
      isNamedSecret(word, words[i - 1] ?? '') && !secretShape.test(word) && !word.includes('${')
        ? [{ path: [...path, i], message: `is a secret by its name: ${remedyOfCommand}` }]
        : [],
    );
  });

/** Secrets written out, and references where nobody would resolve them. Never repeats the secret. */
export const secretFindings = (file: unknown): Finding[] => [...inStrings(file), ...inCommands(file)];

const inStrings = (file: unknown): Finding[] =>
  strings(file).flatMap(({ path, value }) => {
    const [field, name] = inServer(path);
    const mayRefer = referring.has(field) || (field === 'oauth' && referringInOAuth.has(name));
    if (secretShape.test(value) && field !== 'apiKey' && !(field === 'oauth' && mayRefer))
      return [{ path, message: `looks like a secret: ${field === 'command' ? remedyOfCommand : remedy}` }];
    if (named.has(field) && secretHeader.test(String(name)) && !reference.test(value))
      return [{ path, message: `is a secret by its name: ${remedy}` }];
    if (mayRefer && value.replaceAll(new RegExp(reference, 'g'), '').includes('${'))
      return [{ path, message: `holds a reference that cannot be read; write \${NAME}` }];
    if (!mayRefer && value.includes('${'))
      return [
        {
          path,
          message: `cannot hold \${…}: references are for url, apiKey and headers of providers, agents and MCP servers, and for env, oauth.clientSecret and oauth.privateKey of the latter`,
        },
      ];
    return [];
  });
