/** Runs all tests of the kit against one agent. */
import type { AgentProcess } from './agent-process.ts';
import { audit } from './audit.ts';
import { callChecks } from './checks/calls.ts';
import { deliveryChecks, restartChecks } from './checks/delivery.ts';
import { recordChecks } from './checks/records.ts';
import { firstCheck, taskChecks } from './checks/tasks.ts';
import { type Mesh, type MeshOptions, openMesh } from './mesh.ts';
import type { Result, Rule } from './rules.ts';

type Report = (result: Result) => void;
interface Test {
  rule: Rule;
  what: string;
  run(): Promise<void>;
}

const perform = async ({ rule, what, run }: Test, report: Report): Promise<boolean> => {
  try {
    await run();
    report({ rule, what, outcome: 'pass' });
    return true;
  } catch (error) {
    report({ rule, what, outcome: 'fail', why: (error as Error).message });
    return false;
  }
};

const auditAll = (mesh: Mesh, report: Report): void => {
  const { agent, prefix } = mesh.options;
  const { partitions, heard, delivered, contextOf } = mesh;
  const faults = audit({ agent, prefix, partitions, heard, delivered, contextOf });
  for (const [rule, found] of Object.entries(faults) as [Rule, string[]][]) {
    const what = `all ${heard.length} records of the outbox`;
    if (found.length === 0) report({ rule, what, outcome: 'pass' });
    else report({ rule, what, outcome: 'fail', why: `${found.length} faults, the first: ${found[0]}` });
  }
};

/**
 * @param agent the agent's process, which is started, killed and stopped here; undefined: it is running, and stays so.
 * @param report told of every result as it is known.
 * @throws where Kafka or the registry can not be used.
 */
export const runKit = async (options: MeshOptions, agent: AgentProcess | undefined, report: Report): Promise<void> => {
  const mesh = await openMesh(options);
  try {
    agent?.start();
    const usual = [...taskChecks, ...callChecks, ...recordChecks, ...deliveryChecks].map(
      ({ run, ...test }): Test => ({ ...test, run: () => run(mesh) }),
    );
    const answers = await perform({ ...firstCheck, run: () => firstCheck.run(mesh) }, report);
    for (const test of usual) {
      if (answers) await perform(test, report);
      else report({ ...test, outcome: 'skip', why: 'the agent does not answer' });
    }
    for (const { run, ...test } of restartChecks) {
      if (!answers || !agent)
        report({
          ...test,
          outcome: 'skip',
          why: agent ? 'the agent does not answer' : 'needs the command of the agent',
        });
      // An agent that did not survive the last test is started anew.
      else if (!(await perform({ ...test, run: () => run(mesh, agent) }, report))) {
        await agent.kill();
        agent.start();
      }
    }
    if (answers) auditAll(mesh, report);
  } finally {
    await agent?.stop();
    await mesh.close();
  }
};
