/** mesh.yaml, and what it is compiled to. */
import fc from 'fast-check';
import { stringify } from 'yaml';
import { compile } from '../../services/configuration/compile.ts';
import { missingVariables, urlFindings } from '../../services/configuration/environment.ts';
import type { Problem } from '../../services/configuration/problem.ts';
import { readMeshFile } from '../../services/configuration/read-mesh-file.ts';
import { parseConfiguration } from '../../services/runtime/configuration.ts';
import { holds, type Target } from '../target.ts';

const env = { URL_OF_A: 'http://127.0.0.1:9/v1', KEY_OF_A: 'sk-from-the-environment' };
/** Written out where a reference belongs, once, at its own key: then nothing may repeat it. */
const SECRET = 'sk-live-0123456789abcdef';

const checkProblems = (problems: readonly Problem[], text: string) => {
  holds(problems.length > 0, 'a file that is refused has a problem');
  const atItsKey = text.split(SECRET).length === 2 && new RegExp(`^ +apiKey: '?${SECRET}'?$`, 'm').test(text);
  for (const { line, column, message } of problems) {
    holds(
      Number.isInteger(line) && line >= 1 && Number.isInteger(column) && column >= 1,
      'a problem has a place',
      () => message,
    );
    holds(line <= text.split(/\r\n?|\n/).length + 1, 'a problem lies within the file', () => `${line}: ${message}`);
    holds(message !== '', 'a problem says what is wrong');
    holds(!atItsKey || !message.includes(SECRET), 'a problem never repeats a secret', () => message);
  }
};

const name = fc.constantFrom('a', 'b', 'small', '__proto__', 'constructor', 'a/b', '1');
const anything = fc.oneof(fc.jsonValue(), fc.constantFrom('2s', '10MiB', 'http://x/v1', 'sha256:00'));
const file = fc.record(
  {
    providers: fc.dictionary(
      name,
      fc.record(
        { url: anything, apiKey: anything, interfaces: anything, timeouts: anything, headers: anything },
        { requiredKeys: [] },
      ),
    ),
    models: fc.dictionary(
      name,
      fc.record(
        {
          targets: fc.array(fc.record({ provider: name, weight: anything }, { requiredKeys: [] })),
          fallbacks: fc.array(name),
          tags: anything,
        },
        { requiredKeys: [] },
      ),
    ),
    prices: anything,
    tenants: fc.array(name),
    units: fc.dictionary(name, fc.record({ tenant: name })),
    people: fc.array(name),
    agents: fc.dictionary(name, fc.record({ unit: name, owner: name })),
    keys: fc.dictionary(name, fc.record({ hash: anything, agent: name })),
    limits: anything,
    routing: anything,
    policies: anything,
  },
  { requiredKeys: [] },
);

export const target: Target = {
  name: 'mesh-yaml',
  batch: 64,
  dictionary: [
    ...[
      'providers:\n',
      'models:\n',
      'targets: ',
      'fallbacks: ',
      'keys:\n',
      'agents:\n',
      'units:\n',
      'tenants: ',
      'people: ',
      'policies: ',
    ],
    ...[
      'prices:\n',
      'limits:\n',
      'routing:\n',
      '  url: ',
      '  apiKey: ',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: mesh.yaml's own notation.
      '${KEY_OF_A}',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: mesh.yaml's own notation.
      '${URL_OF_A}',
      '${',
      '&a ',
      '*a',
      '<<: ',
      '!!binary ',
      '!!js/function ',
    ],
    ...[
      '---\n',
      '...\n',
      '%YAML 1.2\n',
      '? ',
      '|\n',
      '>-\n',
      '{ ',
      ' }',
      '- ',
      '# ',
      '10MiB',
      '2s',
      '1e9',
      '.inf',
      '.nan',
      '0x10',
      '~',
      '__proto__:',
    ],
  ],
  libraries: ['yaml'],
  structured: file.map((value) => Buffer.from(stringify(value))),
  run: (bytes) => {
    const text = bytes.toString();
    const read = readMeshFile(bytes, 'mesh.yaml');
    if (Array.isArray(read)) return checkProblems(read, text);
    const { file: mesh, locate } = read;
    const refused = [...missingVariables(mesh, env), ...urlFindings(mesh, env)];
    if (refused.length > 0) return checkProblems(refused.map(locate), text);
    const compiled = compile(mesh, [], env);
    holds(compiled.version === compile(mesh, [], env).version, 'one file has one version');
    parseConfiguration(compiled);
    holds(!compiled.document.includes(env.KEY_OF_A), 'no secret is compiled into the configuration');
  },
};
