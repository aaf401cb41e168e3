import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseConfiguration } from '../runtime/configuration.ts';
import type { AnyRecorded } from '../runtime/log.ts';
import { createMemoryLog, MemoryCluster } from '../runtime/memory-log.ts';
import { applyConfiguration } from './apply.ts';
import { ConfigurationRefused, printProblem } from './problem.ts';

const mesh = `providers:
  p: { url: "\${URL}", apiKey: "\${KEY}" }
models:
  m: { targets: [{ provider: p }] }
policies: [policies/*.cedar]
`;
const permit = 'permit(principal, action, resource);\n';
const env = { URL: 'http://127.0.0.1:9/v1', KEY: 'very-secret' };

let directory: string;
let cluster: MemoryCluster;
const write = (file: string, text: string) => writeFile(join(directory, file), text);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'parley-'));
  cluster = new MemoryCluster();
  await mkdir(join(directory, 'policies'));
  await write('mesh.yaml', mesh);
  await write('policies/a.cedar', permit);
});
afterEach(() => rm(directory, { recursive: true }));

const apply = async (options: { env?: Record<string, string>; allowMissingVariables?: boolean } = {}) => {
  const log = await createMemoryLog(cluster);
  try {
    return await applyConfiguration({
      log,
      path: join(directory, 'mesh.yaml'),
      env,
      now: () => 1_700_000_000_000,
      ...options,
    });
  } finally {
    await log.close();
  }
};
const refusal = async (options?: Parameters<typeof apply>[0]): Promise<string[]> => {
  const error: unknown = await apply(options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConfigurationRefused);
  const { problems, message } = error as ConfigurationRefused;
  expect(message).not.toContain('very-secret');
  return problems.map(printProblem).map((problem) => problem.replace(`${directory}/`, ''));
};
const events = async (): Promise<AnyRecorded<'MeshConfigured'>[]> => {
  const log = await createMemoryLog(cluster);
  const seen: AnyRecorded<'MeshConfigured'>[] = [];
  const tail = await log.tail(['mesh.configuration'], (e) => seen.push(e as AnyRecorded<'MeshConfigured'>), {
    from: 'beginning',
  });
  await tail.caughtUp;
  await log.close();
  return seen;
};

test('a first configuration is put in force', async () => {
  const applied = await apply();
  expect(applied).toMatchObject({
    previousVersion: null,
    changed: true,
    diff: ['+ providers.p', '+ models.m', '+ policies/a.cedar'],
  });
  const [event] = await events();
  expect(event).toMatchObject({ source: 'configuration', key: applied.version, time: 1_700_000_000_000 });
  expect(event?.data).toMatchObject({ version: applied.version, previousVersion: null });
  expect(parseConfiguration(event!.data).policies).toEqual([{ id: 'policies/a.cedar', text: permit }]);
  expect(event?.data.document).not.toContain('very-secret');
});

test('the same again changes nothing; another, and the first again, do', async () => {
  const first = await apply();
  await write('mesh.yaml', `# a comment\n${mesh}`);
  expect(await apply()).toEqual({ version: first.version, previousVersion: first.version, changed: false, diff: [] });
  await write('mesh.yaml', `${mesh}limits: { deadline: 30s }\n`);
  const second = await apply();
  expect(second).toMatchObject({ previousVersion: first.version, diff: ['~ limits.deadline 2m → 30s'] });
  await write('mesh.yaml', mesh);
  expect(await apply()).toMatchObject({ version: first.version, previousVersion: second.version, changed: true });
  const recorded = await events();
  expect(recorded.map((e) => e.key)).toEqual([first.version, second.version, first.version]);
  expect(new Set(recorded.map((e) => e.id)).size).toBe(3);
});

test('an invalid file is refused with every problem, and the old configuration stays', async () => {
  const { version } = await apply();
  await write('mesh.yaml', mesh.replace('models:', 'modles:').replace(`apiKey: "\${KEY}"`, 'apiKey: abc'));
  expect(await refusal()).toEqual([
    `mesh.yaml:2:23 providers.p.apiKey: must be a reference to an environment variable, e.g. \${OPENAI_API_KEY}, never the key itself`,
    'mesh.yaml:3:1 modles: is not a known field; did you mean models?',
  ]);
  expect((await events()).map((e) => e.key)).toEqual([version]);
});

test('policies are checked with the file, each problem at its line', async () => {
  await write('policies/a.cedar', 'permit(principal, action, resource);\nforbid(principal, acton, resource);\n');
  await write('policies/b.cedar', 'permit(principal, action, resource) when {\n  principal.department == "x" };\n');
  expect(await refusal({ env: { URL: env.URL } })).toEqual([
    'mesh.yaml:2:23 providers.p.apiKey: the environment variable KEY is not set',
    'policies/a.cedar:2:19 found an invalid variable in the policy scope: acton; policy scopes must contain a `principal`, `action`, and `resource` element in that order',
    'policies/b.cedar:2:3 attribute `department` on entity type `Agent` not found; did you mean `tenant`?',
  ]);
  expect(await events()).toEqual([]);
});

test('a policy pattern that matches nothing is a problem', async () => {
  await rm(join(directory, 'policies/a.cedar'));
  expect(await refusal()).toEqual([`mesh.yaml:5:12 policies[0]: policies/*.cedar matches no file in ${directory}`]);
});

test('secrets may be elsewhere where that is said, but URLs are needed', async () => {
  expect((await apply({ env: { URL: env.URL }, allowMissingVariables: true })).changed).toBe(true);
  expect(await refusal({ env: {}, allowMissingVariables: true })).toEqual([
    'mesh.yaml:2:8 providers.p.url: the environment variable URL is not set',
  ]);
});

test('no file, a directory, and too large a document', async () => {
  for (let i = 0; i < 16; i++) await write(`policies/${i}.cedar`, `${permit}// ${'x'.repeat(1_000_000)}`);
  expect(await refusal()).toEqual(['mesh.yaml:1:1 makes, with its policies, more than 15 MB: no record holds that']);
  await rm(join(directory, 'mesh.yaml'));
  expect(await refusal()).toEqual(['mesh.yaml:1:1 there is no such file']);
  await mkdir(join(directory, 'mesh.yaml'));
  expect((await refusal())[0]).toMatch(/^mesh.yaml:1:1 cannot be read: EISDIR/);
});

test('a poisoned record is passed over', async () => {
  const { version } = await apply();
  const [good] = cluster.all('mesh.configuration');
  cluster.put({ ...good!, value: Buffer.from('garbage'), time: 0 });
  expect(await apply()).toMatchObject({ version, changed: false });
});

test('nothing is in force that the log has not confirmed', async () => {
  const log = await createMemoryLog(cluster);
  cluster.unavailable = true;
  const applied = applyConfiguration({ log, path: join(directory, 'mesh.yaml'), env, now: Date.now });
  await expect(applied).rejects.toMatchObject({ code: 'PARLEY_LOG_UNAVAILABLE' });
});

test('the example can be applied', async () => {
  await cp('examples', directory, { recursive: true });
  const { diff } = await apply({ env: { EXAMPLE_MODEL_URL: 'http://127.0.0.1:9/v1', EXAMPLE_DIR: '/tmp' } });
  expect(diff).toContain('+ models.example-large');
  expect(diff).toContain('+ policies/large-models.cedar');
});
