import { kafkaAt, marker } from './kafka.ts';
import { kafkaAnswers } from './kafka-answers.ts';
import { inspectProcess, type ProcessInfo } from './processes.ts';
import { registryAnswers, registryAt, registryUrl } from './registry.ts';
import { plan, type Server, type Sight, type State } from './state.ts';

/** Whether a process is the very JVM that the state means: pids are used again. */
export const isOurs = (server: Server, dataDir: string, process: ProcessInfo | undefined): boolean =>
  process?.started === server.started && `${process.command} `.includes(`${marker(dataDir)} `);

/** The servers of an owner that was killed that can be gone on with. Ends those that cannot. */
export async function survivors(
  state: State | undefined,
  dataDirs: { kafka: string; registry: string },
): Promise<Pick<State, 'kafka' | 'registry'>> {
  const { kafka, registry } = state ?? {};
  const steps = plan({
    kafka: await look(kafka, dataDirs.kafka, kafkaAnswers),
    registry: await look(registry, dataDirs.registry, (port) => registryAnswers(registryUrl(port))),
  });
  if (registry && steps.registry === 'restart') await registryAt(registry).stop();
  if (kafka && steps.kafka === 'restart') await kafkaAt(kafka).stop();
  return {
    ...(kafka && steps.kafka === 'adopt' && { kafka }),
    ...(registry && steps.registry === 'adopt' && { registry }),
  };
}

async function look(
  server: Server | undefined,
  dataDir: string,
  answers: (port: number) => Promise<boolean>,
): Promise<Sight> {
  if (!server || !isOurs(server, dataDir, inspectProcess(server.pid))) return 'gone';
  return (await answers(server.port)) ? 'answers' : 'silent';
}
