import { expect, test } from 'vitest';
import { missingVariables, resolveReferences, urlFindings } from './environment.ts';
import { printProblem } from './problem.ts';
import { readMeshFile } from './read-mesh-file.ts';

const read = (url = 'https://a.example.com') => {
  const text = `providers:\n  p:\n    url: "${url}"\n    apiKey: \${KEY}\n    headers: { x-org: "\${ORG} \${ORG}" }\nmodels: {}\n`;
  const result = readMeshFile(Buffer.from(text), 'mesh.yaml');
  if (Array.isArray(result)) throw new Error(result[0]?.message);
  return result;
};

test('missing variables are told with the line of their reference; an empty one is missing', () => {
  const { file, locate } = read(`http://\${HOST}:\${PORT}`);
  expect(
    missingVariables(file, { ORG: 'x', PORT: '1', KEY: '' }).map((one) => [printProblem(locate(one)), one.secret]),
  ).toEqual([
    ['mesh.yaml:3:5 providers.p.url: the environment variable HOST is not set', false],
    ['mesh.yaml:4:5 providers.p.apiKey: the environment variable KEY is not set', true],
  ]);
  expect(missingVariables(file, { HOST: 'h', ORG: 'x', PORT: '1', KEY: 'k' })).toEqual([]);
});

test.each([
  ['file:///etc/passwd', 'must be an http or https URL'],
  ['not a url', 'must be an http or https URL'],
  ['http://', 'must be an http or https URL'],
  [
    'https://user:pass@a.example.com',
    'must hold no user and no password: they would be recorded; use apiKey or headers',
  ],
  [
    'https://a.example.com/v1?key=abc',
    'must hold no query and no fragment: they would be recorded; use apiKey or headers',
  ],
])('a URL that resolves to %s', (url, message) => {
  const { file, locate } = read(`\${URL}`);
  const findings = urlFindings(file, { URL: url });
  expect(findings.map((one) => printProblem(locate(one)))).toEqual([`mesh.yaml:3:5 providers.p.url: ${message}`]);
});

test('a URL is resolved, and one that cannot be is left to missingVariables', () => {
  expect(resolveReferences(`http://\${HOST}/v1`, { HOST: 'a$&b' })).toBe('http://a$&b/v1');
  expect(urlFindings(read(`\${URL}`).file, { URL: 'http://127.0.0.1:8080/v1' })).toEqual([]);
  expect(urlFindings(read(`\${URL}`).file, {})).toEqual([]);
});
