import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createMemoryLog } from '../runtime/memory-log.ts';
import { applyConfiguration } from './apply.ts';
import { watchMeshFile } from './watch.ts';

const mesh = 'providers: {}\nmodels: {}\npolicies: [policies/*.cedar]\n';
const waiting = { timeout: 8000, interval: 50 };

const files = async () => {
  const directory = await mkdtemp(join(tmpdir(), 'parley-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  await mkdir(join(directory, 'policies'));
  const write = (file: string, text: string) => writeFile(join(directory, file), text);
  await write('mesh.yaml', mesh);
  await write('policies/a.cedar', 'permit(principal, action, resource);');
  return { directory, path: join(directory, 'mesh.yaml'), write };
};

test('changes are seen: of the file, of a file that replaces it, of policies, new ones and gone ones too', async () => {
  const { directory, path, write } = await files();
  const onChange = vi.fn(async () => {});
  const watch = await watchMeshFile(path, onChange);
  onTestFinished(() => watch.close());
  const changes: (() => Promise<unknown>)[] = [
    () => write('mesh.yaml', `# a\n${mesh}`),
    async () => {
      await write('mesh.yaml.new', `# b\n${mesh}`);
      await rename(join(directory, 'mesh.yaml.new'), path);
    },
    () => write('policies/a.cedar', 'forbid(principal, action, resource);'),
    () => write('policies/b.cedar', ''),
    () => rm(join(directory, 'policies'), { recursive: true }),
  ];
  for (const [index, change] of changes.entries()) {
    await change();
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(index + 1), waiting);
  }
  await write('unrelated.txt', '');
  await setTimeout(700);
  expect(onChange).toHaveBeenCalledTimes(changes.length);
});

test('one that rejects is called again, and none after close', async () => {
  const { path, write } = await files();
  const onChange = vi.fn(async () => {});
  onChange.mockRejectedValueOnce(new Error('the log cannot be reached'));
  const watch = await watchMeshFile(path, onChange);
  await write('mesh.yaml', `# a\n${mesh}`);
  await vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(2), waiting);
  await watch.close();
  await write('mesh.yaml', mesh);
  await setTimeout(700);
  expect(onChange).toHaveBeenCalledTimes(2);
});

test('an invalid change is reported, the configuration stays, and the next valid one is applied', async () => {
  const { path, write } = await files();
  const log = await createMemoryLog();
  onTestFinished(() => log.close());
  const apply = () => applyConfiguration({ log, path, env: {}, now: Date.now });
  const { version } = await apply();
  const told: string[] = [];
  const watch = await watchMeshFile(path, async () => {
    told.push(
      await apply().then(
        ({ previousVersion, diff }) => `${previousVersion} ${diff}`,
        (error: Error) => error.message,
      ),
    );
  });
  onTestFinished(() => watch.close());
  await write('mesh.yaml', `${mesh}limit: {}\n`);
  await vi.waitFor(
    () => expect(told).toEqual([`${path}:4:1 limit: is not a known field; did you mean limits?`]),
    waiting,
  );
  await write('mesh.yaml', `${mesh}limits: { deadline: 30s }\n`);
  await vi.waitFor(() => expect(told[1]).toBe(`${version} ~ limits.deadline 2m → 30s`), waiting);
});
