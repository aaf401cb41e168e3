/** Fills a log with whole conversations, and with the audit entries that chain them. */
import { auditProcessor } from '../../services/audit/audit.ts';
import { auditedTypes } from '../../services/audit/summary.ts';
import { createCodec } from '../../services/runtime/codec.ts';
import { follow, newId } from '../../services/runtime/event.ts';
import type { Event, Log } from '../../services/runtime/log.ts';
import { appendedRecord, headersOf } from '../../services/runtime/recorded.ts';
import { registrySchemaIds } from '../../services/runtime/registry.ts';
import { newTraceparent } from '../../services/runtime/tracing.ts';
import { topicOf } from '../../topics/index.ts';
import { type Mesh, withLog } from './cluster.ts';
import { contextOf, conversation } from './conversations.ts';

const BATCH = 200;
/** While the broker writes some, the next are encoded. */
const IN_FLIGHT = 3;

export interface Filled {
  conversations: number;
  records: number;
  ms: number;
  /** Keys of the first, the middle one and the last, to be looked for. */
  samples: string[];
}

export interface Plan {
  conversations: number;
  /** With AuditEntry, as the audit service would have stated them. */
  audited: boolean;
}

type Auditor = (events: readonly Event[], offsets: readonly number[]) => Event[];

const audited = new Set<string>(auditedTypes);

/** Chains entries as the audit service does, behind those that are in the log: it must have caught up, and not run. */
const createAuditor = async (mesh: Mesh, log: Log): Promise<Auditor> => {
  const codec = await createCodec(registrySchemaIds(mesh.registry), auditedTypes);
  const { decide, evolve, initialState } = auditProcessor(log.partitionOf);
  let state = initialState();
  const heads = await log.tail(
    ['mesh.audit'],
    (record) => {
      state = evolve(state, record);
    },
    { from: { time: Date.now(), atLeastLast: 1 }, types: ['AuditEntry'] },
  );
  await heads.caughtUp;
  await heads.close();
  return (events, offsets) =>
    events.flatMap((event, i) => {
      if (!audited.has(event.type)) return [];
      const partition = log.partitionOf(event.key);
      const position = { topic: topicOf[event.type], partition, offset: offsets[i]! };
      const record = appendedRecord(event, position, codec.encode(event.type, event.data), headersOf(event));
      return decide(record as Parameters<typeof decide>[0], state).map(({ type, data, key }) => {
        const entry = follow('audit', { ...event, key: key ?? event.key }, 0, type, data, event.time + 250);
        state = evolve(state, { ...entry, partition });
        return entry;
      });
    });
};

/**
 * @throws what `Log.append` throws.
 */
export const fill = async (
  mesh: Mesh,
  { conversations, audited: withAudit }: Plan,
  progress: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<Filled> =>
  withLog(mesh, async (log) => {
    const began = performance.now();
    const chain = withAudit ? await createAuditor(mesh, log) : undefined;
    const samples: string[] = [];
    const waiting: Promise<unknown>[] = [];
    let records = 0;
    const append = async (events: readonly Event[]) => {
      const offsets = await log.append(events);
      records += events.length;
      const entries = chain?.(events, offsets) ?? [];
      if (entries.length === 0) return;
      await log.append(entries);
      records += entries.length;
    };
    for (let done = 0; done < conversations; ) {
      signal.throwIfAborted();
      const count = Math.min(BATCH, conversations - done);
      const identities = Array.from({ length: count }, () => ({
        id: newId(),
        requestId: newId(),
        traceparent: newTraceparent(),
        time: Date.now(),
        configurationVersion: mesh.version,
      }));
      if (done === 0 || done + count >= conversations || samples.length < (2 * done) / conversations)
        samples.push(contextOf(identities[0]!));
      waiting.push(append(identities.flatMap(conversation)));
      if (waiting.length >= IN_FLIGHT) await waiting.shift();
      done += count;
      progress(done, conversations);
    }
    await Promise.all(waiting);
    return { conversations, records, ms: performance.now() - began, samples };
  });
