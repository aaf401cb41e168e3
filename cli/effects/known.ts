/** Calls of which it is not known whether they took effect, and what somebody found out. */
import type { EffectSettled, Failure, Request } from '../../schemas/generated.ts';
import { performedBy } from '../../services/runtime/edge/idempotency-outcome.ts';
import type { AnyRecorded, Log } from '../../services/runtime/log.ts';
import { RecentIds } from '../../services/runtime/recent-ids.ts';
import type { EventType } from '../../topics/index.ts';
import { progressBar } from '../progress.ts';

export interface Effect {
  requestId: string;
  /** The event by which it ended. */
  endId: string;
  contextId: string;
  subject: Request['subject'];
  action: string;
  resource: Request['resource'];
  /** Id of who was called. */
  target: string;
  /** Milliseconds since the epoch. */
  begunAt: number;
  endedAt: number;
  failure: Pick<Failure, 'reason' | 'message'>;
  /** Undefined: the log keeps it no longer. */
  request?: Request;
  settled?: EffectSettled & { at: number };
}

/** What an effect is found by. */
export const effectTypes = [
  'AttemptBegun',
  'ResponseCompleted',
  'ResponseFailed',
  'RequestUnroutable',
  'EffectSettled',
] as const satisfies readonly EventType[];
const topics = ['mesh.attempts', 'mesh.responses', 'mesh.dispatches', 'mesh.settlements'] as const;
type EffectType = (typeof effectTypes)[number];

type End = AnyRecorded<'ResponseFailed' | 'RequestUnroutable'>;

/**
 * A call that must not be repeated is stated as begun before it is made. Where one that was begun ended in any other way than by
 * an answer or a refusal, whatever was in the way, its server may have acted.
 */
export class Effects {
  /** By request, the last attempt. */
  readonly #begun = new Map<string, { at: number; target: string }>();
  readonly #ends = new Map<string, End>();
  readonly #settled = new Map<string, NonNullable<Effect['settled']>>();
  /** Ids of ends: of two with the same id the first counts. */
  readonly #seen = new Map<string, RecentIds>();

  /** Takes in an event; the order matters only within a topic's partition. */
  add(event: AnyRecorded<EffectType>): void {
    switch (event.type) {
      case 'AttemptBegun':
        this.#begun.set(event.correlationId, { at: event.time, target: event.data.target.id });
        break;
      case 'EffectSettled':
        this.#settled.set(event.data.requestId, { ...event.data, at: event.time });
        break;
      default: {
        const place = `${event.topic} ${event.partition}`;
        const seen = this.#seen.get(place) ?? new RecentIds();
        this.#seen.set(place, seen);
        if (seen.has(event.id)) break;
        seen.add(event.id);
        if (event.type !== 'ResponseCompleted' && performedBy(event) === 'perhaps')
          this.#ends.set(event.correlationId, event);
      }
    }
  }

  /** Those that wait for somebody, and those that are settled; the last to end first. */
  all(): Effect[] {
    return [...this.#ends]
      .flatMap(([requestId, end]): Effect[] => {
        const begun = this.#begun.get(requestId);
        const { failure } = end.data;
        if (!begun || !failure) return [];
        const { subject, action, resource } = end.data;
        const settled = this.#settled.get(requestId);
        return [
          {
            requestId,
            endId: end.id,
            contextId: end.key,
            subject,
            action,
            resource,
            target: begun.target,
            begunAt: begun.at,
            endedAt: end.time,
            failure: { reason: failure.reason, message: failure.message },
            ...(settled ? { settled } : {}),
          },
        ];
      })
      .sort((a, b) => b.endedAt - a.endedAt || (a.requestId < b.requestId ? 1 : -1));
  }
}

const read = async (
  log: Log,
  names: Parameters<Log['tail']>[0],
  see: (event: AnyRecorded) => void,
  options: Partial<Parameters<Log['tail']>[2]>,
): Promise<void> => {
  const bar = progressBar();
  const progress = (seen: number, total: number) => bar.report('Reading the log', seen, total);
  const tail = await log.tail(names, see, { from: 'beginning', ...options, progress });
  await tail.caughtUp.finally(bar.end);
  await tail.close();
};

/** All that the log knows of, without their requests. */
export const readEffects = async (log: Log): Promise<Effect[]> => {
  const effects = new Effects();
  const see = (event: AnyRecorded) => {
    try {
      effects.add(event as AnyRecorded<EffectType>);
    } catch {
      // One that cannot be read is a dead letter of those that it is for.
    }
  };
  await read(log, topics, see, { types: effectTypes });
  return effects.all();
};

/** The same, with their requests as far as they are in the log. */
export const withRequests = async (log: Log, effects: readonly Effect[]): Promise<Effect[]> => {
  if (effects.length === 0) return [];
  const wanted = new Set(effects.map(({ requestId }) => requestId));
  const requests = new Map<string, Request>();
  const see = (event: AnyRecorded) => {
    if (event.type === 'RequestReceived' && wanted.has(event.correlationId) && !requests.has(event.correlationId))
      requests.set(event.correlationId, event.data.request);
  };
  const partitions = [...new Set(effects.map(({ contextId }) => log.partitionOf(contextId)))];
  await read(log, ['mesh.requests'], see, { types: ['RequestReceived'], partitions });
  return effects.map((effect) => {
    const request = requests.get(effect.requestId);
    return request ? { ...effect, request } : effect;
  });
};

/** @param id of a request, or the end of one that no other has. @throws Error that says what to do, where there is none, or several. */
export const effectOfId = (effects: readonly Effect[], id: string): Effect => {
  const alike = effects.filter(({ requestId }) => requestId === id || requestId.endsWith(id));
  const found = alike.find(({ requestId }) => requestId === id) ?? (alike.length === 1 ? alike[0] : undefined);
  if (found) return found;
  throw new Error(
    alike.length === 0
      ? `there is no call ${id} whose outcome is unknown: \`parley effects list --all\` shows which there are`
      : `${alike.length} calls have an id that ends in ${id}: write more of it`,
  );
};
