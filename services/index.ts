/** The services of the mesh: the table of contents. */
import { audit } from './audit/index.ts';
import { edgeA2a } from './edge-a2a/index.ts';
import { edgeAgents } from './edge-agents/index.ts';
import { edgeLlm } from './edge-llm/index.ts';
import { edgeMcp } from './edge-mcp/index.ts';
import { metering } from './metering/index.ts';
import { policy } from './policy/index.ts';
import { routing } from './routing/index.ts';
import type { Service } from './runtime/service.ts';
import { taskState } from './task-state/index.ts';

/** In the order of a request's way. */
export const services: readonly Service[] = [
  edgeLlm,
  edgeMcp,
  edgeA2a,
  edgeAgents,
  policy,
  routing,
  taskState,
  metering,
  audit,
];

/** What each service reads and writes: the architecture, told by the running thing. */
export const describeServices = (running: readonly Service[]): string => {
  const width = Math.max(...running.map(({ name }) => name.length));
  const short = (topic: string) => topic.replace(/^mesh\./, '');
  return running
    .map(({ name, reads, writes, group }) => {
      const indent = ' '.repeat(width + 2);
      const what = writes.filter((type) => type !== 'EventDeadLettered').join(' ');
      return `${name.padEnd(width)}  reads  ${reads.map(short).join(' ')}\n${indent}writes ${what}\n${indent}group  ${group}`;
    })
    .join('\n');
};
