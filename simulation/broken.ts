/** Meshes that are broken on purpose, each in one place: what the simulation must find. */
import type { AnyRecorded, Event, Log } from '../services/runtime/log.ts';
import type { TaskStateState } from '../services/task-state/task-state.ts';
import type { EventType, ServiceName } from '../topics/index.ts';
import type { TaskAsk } from './askers.ts';
import { credentials, KEY } from './configuration.ts';
import type { Kind } from './faults.ts';
import { type AnyProcessor, type Parts, wholeMesh } from './process.ts';
import type { Operation } from './programs.ts';
import type { Options } from './simulate.ts';
import type { ToolAsk } from './tools/asks.ts';

type Of = Parameters<Parts['logOf']>[0];

/** One service sees another log than it should. */
export const withLog = (service: Of, change: (log: Log) => Partial<Log>): Parts => ({
  ...wholeMesh,
  logOf: (of, log) => (of === service ? { ...bound(log), ...change(log) } : log),
});

/** A copy that can be spread over. */
const bound = (log: Log): Log => ({ ...log });

/** One processor is another than it should be. */
const withProcessor = (name: string, change: (processor: AnyProcessor) => Partial<AnyProcessor>): Parts => ({
  ...wholeMesh,
  processors: (log) =>
    wholeMesh
      .processors(log)
      .map((processor) => (processor.name === name ? { ...processor, ...change(processor) } : processor)),
});

let count = 0;
const renamed = (event: Event): Event => ({ ...event, id: `made-up-${++count}` });

/** Ids are made up each time: a redelivered cause has other effects than before. */
const idsMadeUp = (service: Of): Parts =>
  withLog(service, (log) => ({ append: (events, signal) => log.append(events.map(renamed), signal) }));

/** What was said before a crash is not read back. */
const nothingRecalled = (service: Of): Parts =>
  withLog(service, (log) => ({
    tail: async (topics, see, options) =>
      log.tail(topics, options.partitions && typeof options.from === 'object' ? () => {} : see, options),
  }));

const both = (one: Parts, other: Parts): Parts => ({
  ...wholeMesh,
  logOf: (of, log) => other.logOf(of, one.logOf(of, log)),
});

/** A record is done with, and may be committed, before anything is appended. */
const committedFirst = (service: Of): Parts =>
  withLog(service, (log) => ({
    consume: (group, topics, consumer) =>
      log.consume(group, topics, {
        ...consumer,
        handle: async (record) => {
          void consumer.handle(record).catch(() => {});
        },
      }),
  }));

/** An append is said to be over before it is, and may be overtaken. */
const acknowledgedEarly = (service: Of): Parts =>
  withLog(service, (log) => ({
    append: async (events, signal) => {
      const append = () => void log.append(events, signal).catch(() => {});
      setTimeout(append, ++count % 2 === 0 ? 60 : 0);
      return events.map(() => 0);
    },
  }));

/** What `from` states `to` has at once, before it is durable; it is appended `ms` later. */
const handedOnEarly = (types: readonly EventType[], from: Of, to: Of, ms = 0): Parts => {
  const early = new WeakMap<Log, ((event: Event, log: Log) => void)[]>();
  const listeners = (log: Log) => {
    const known = early.get(log) ?? [];
    early.set(log, known);
    return known;
  };
  const asRecord = (event: Event, log: Log) =>
    ({ ...event, topic: '', partition: log.partitionOf(event.key), offset: -1, value: Buffer.alloc(0) }) as never;
  return {
    ...wholeMesh,
    logOf: (of, log) => {
      const hand = (event: Event) => {
        if (types.includes(event.type)) for (const listener of listeners(log)) listener(event, log);
      };
      return {
        ...bound(log),
        ...(of === from && {
          append: async (events: readonly Event[], signal?: AbortSignal) => {
            for (const event of events) hand(event);
            if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
            return log.append(events, signal);
          },
        }),
        ...(of === to && {
          consume: (group: string, topics: Parameters<Log['consume']>[1], consumer: Parameters<Log['consume']>[2]) => {
            listeners(log).push((event) => void consumer.handle(asRecord(event, log)).catch(() => {}));
            return log.consume(group, topics, consumer);
          },
          tail: (
            topics: Parameters<Log['tail']>[0],
            see: Parameters<Log['tail']>[1],
            options: Parameters<Log['tail']>[2],
          ) => {
            listeners(log).push((event) => see(asRecord(event, log)));
            return log.tail(topics, see, options);
          },
        }),
      };
    },
  };
};

/** What is appended may overtake what was appended before. */
const overtaking = (service: Of): Parts =>
  withLog(service, (log) => ({
    append: async (events, signal) => {
      if (++count % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 60));
      return log.append(events, signal);
    },
  }));

const dispatchOf = (event: { data: { request: object } }) => ({
  type: 'RequestDispatched',
  index: 'route',
  data: {
    request: event.data.request,
    decision: { configurationVersion: '', policies: [], reason: '' },
    target: { id: 'one/m', connection: 'one', name: 'm' },
    attempt: 1,
    tried: [],
    probe: false,
    reason: '',
    configurationVersion: '',
  },
});

/** The event with other data. */
export const withData = <E extends object>(event: E, data: object): E =>
  Object.create(event, { data: { value: data } }) as E;

/** What is said of some type is said otherwise, or, where that is undefined, not at all. */
const saying = (
  name: string,
  type: EventType,
  // biome-ignore lint/suspicious/noExplicitAny: data of any event.
  change: (data: any) => object | undefined,
): Parts =>
  withProcessor(name, ({ decide }) => ({
    decide: (event, state) =>
      decide(event, state).flatMap((said) => {
        if (said.type !== type) return [said];
        const data = change(said.data);
        return data ? [{ ...said, data: data as never }] : [];
      }),
  }));

export interface Broken {
  how: string;
  parts: Parts;
  /** The invariant that must find it. */
  found: string;
  /** What must go wrong for it to show; default anything. */
  faults?: readonly Kind[];
  /** What agents must be asked for it to show; default anything. */
  taskAsks?: Options['taskAsks'];
  /** The same of MCP servers, of which there are then all. */
  toolAsks?: Options['toolAsks'];
}

/** The clerk is asked to do this, and others something, all in one conversation. */
const asking =
  (program: Operation[], others: Partial<TaskAsk>[] = [], cancelAfterMs = 0): Options['taskAsks'] =>
  ({ random }) =>
    [{}, ...others].map((other) => ({
      at: random.between(0, 3_000),
      agent: 'clerk',
      conversation: 't',
      text: JSON.stringify(program),
      credential: credentials[0]!,
      returnImmediately: true,
      withinMs: 50_000,
      cancelAfterMs,
      moreAfterMs: 0,
      ...other,
    }));

const toolAsk: ToolAsk = {
  at: 2_500,
  server: 'files',
  tool: 'send',
  kind: 'sends',
  call: 'call 1.',
  session: '',
  conversation: 'm',
  credential: KEY,
  key: '',
  takesMs: 0,
  task: undefined,
  answering: undefined,
  wantsProgress: false,
  withinMs: 0,
  patienceMs: 0,
  cancelAfterMs: 0,
};

/** MCP servers are asked this. */
export const askingTools =
  (...asks: Partial<ToolAsk>[]): Options['toolAsks'] =>
  () =>
    asks.map((ask, i) => ({ ...toolAsk, call: `call ${i}.`, ...ask }));

/** A verdict that nobody gave, on what was observed. */
const approving = (record: AnyRecorded): AnyRecorded =>
  Object.create(record, {
    type: { value: 'DefinitionReviewed' },
    data: { value: { ...(record.data as object), verdict: 'APPROVED', by: 'nobody', note: '' } },
  });

/** Every repetition of a call is another request. */
const anotherRequest = (event: Event): Event => {
  if (event.type !== 'RequestReceived') return event;
  const id = `another-${++count}`;
  const { request } = (event as Event<'RequestReceived'>).data;
  return { ...event, id, correlationId: id, data: { request: { ...request, id } } } as Event;
};

/** To recall, and to say the same again, each is enough: a mesh that does neither is broken. */
const forgetful = (service: ServiceName, found: string): Broken => ({
  how: `${service} recalls nothing and makes ids up`,
  parts: both(idsMadeUp(service), nothingRecalled(service)),
  found,
  faults: ['crash', 'commits'],
});

export const broken: readonly Broken[] = [
  forgetful('policy', 'one outcome'),
  forgetful('routing', 'one outcome'),
  forgetful('metering', 'usage once'),
  { how: 'the outbound edge recalls nothing', parts: nothingRecalled('outbound'), found: 'at most once' },
  {
    how: 'the edge to MCP servers recalls nothing',
    parts: nothingRecalled('tools outbound'),
    found: 'at most once',
    faults: ['crash', 'rebalance'],
    toolAsks: askingTools({}, {}, {}, { at: 2_600 }, { at: 2_700 }, { at: 2_800 }),
  },
  {
    how: 'calls of tools are made before their dispatches are durable',
    parts: handedOnEarly(['RequestDispatched'], 'routing', 'tools outbound', 500),
    found: 'nothing dark',
    toolAsks: askingTools({}, {}),
  },
  {
    how: 'no replica knows which keys were used',
    parts: withLog('tools inbound', (log) => ({
      append: (events, signal) => log.append(events.map(anotherRequest), signal),
      tail: (topics, see, options) =>
        log.tail(topics, topics.includes('mesh.idempotency-keys') ? () => {} : see, options),
    })),
    found: 'once under a key',
    toolAsks: askingTools({ key: 'k', call: 'one' }, { key: 'k', call: 'one', at: 6_000 }),
  },
  {
    how: 'policy takes whatever is offered for approved',
    parts: withProcessor('policy', ({ evolve }) => ({
      evolve: (state, event) =>
        event.type === 'DefinitionObserved'
          ? evolve(evolve(state, event), approving(event as AnyRecorded) as never)
          : evolve(state, event),
    })),
    found: 'only what was approved',
    toolAsks: askingTools({ tool: 'tempt' }),
  },
  {
    how: 'lists show whatever is offered',
    parts: withLog('edge-mcp', (log) => ({
      tail: (topics, see, options) =>
        log.tail(
          topics,
          (record) => {
            see(record);
            if (record.type === 'DefinitionObserved') see(approving(record));
          },
          options,
        ),
    })),
    found: 'only what was approved',
    toolAsks: askingTools({ tool: '' }, { tool: '', at: 4_000 }),
  },
  { how: 'audit recalls nothing', parts: nothingRecalled('audit'), found: 'audit whole', faults: ['crash'] },
  { how: 'policy commits before it appends', parts: committedFirst('policy'), found: 'one outcome' },
  { how: 'metering commits before it appends', parts: committedFirst('metering'), found: 'usage once' },
  { how: 'audit commits before it appends', parts: committedFirst('audit'), found: 'audit whole' },
  {
    how: 'audit drops what failed',
    parts: withProcessor('audit', ({ decide }) => ({
      decide: (event, state) => (event.type === 'AttemptFailed' ? [] : decide(event, state)),
    })),
    found: 'audit whole',
  },
  {
    how: 'audit chains nothing',
    parts: withProcessor('audit', ({ decide, initialState }) => ({
      decide: (event) => decide(event, initialState()),
    })),
    found: 'audit whole',
  },
  {
    how: 'the edge to agents recalls nothing',
    parts: nothingRecalled('edge-a2a'),
    found: 'at most once',
    faults: ['crash', 'rebalance'],
  },
  {
    how: 'routing does not wait for policy',
    parts: withProcessor('routing', ({ decide, reads }) => ({
      reads: [...reads, 'RequestReceived'],
      decide: (event, state) => (event.type === 'RequestReceived' ? [dispatchOf(event)] : decide(event, state)),
    })),
    found: 'only permitted routed',
  },
  {
    how: 'a denial is taken for a permission',
    parts: withProcessor('policy', ({ decide }) => ({
      decide: (event, state) => {
        const decision = { configurationVersion: '', policies: [], reason: '' };
        const { request } = event.data;
        const also = { type: 'RequestPermitted', index: 'also', data: { request, decision } };
        const said = decide(event, state);
        return said[0]?.type === 'RequestDenied' ? [...said, also] : said;
      },
    })),
    found: 'only permitted routed',
  },
  {
    how: 'dispatches are handed on before they are durable',
    parts: handedOnEarly(['RequestDispatched'], 'routing', 'outbound'),
    found: 'nothing dark',
  },
  {
    how: 'answers are handed on before they are durable',
    parts: handedOnEarly(['ResponseCompleted'], 'outbound', 'inbound', 2_000),
    found: 'answers logged',
    faults: ['crash'],
  },
  {
    how: 'permissions are handed on before they are durable',
    parts: handedOnEarly(['RequestPermitted'], 'policy', 'routing'),
    found: 'causes first',
  },
  { how: 'decisions overtake each other', parts: overtaking('policy'), found: 'conversation order' },
  { how: 'chunks are acknowledged early', parts: acknowledgedEarly('outbound'), found: 'chunk order' },
  {
    how: 'routing does not follow what opens breakers',
    parts: withProcessor('routing', ({ evolve }) => ({
      evolve: (state, event) => (event.type === 'BreakerOpened' ? state : evolve(state, event)),
    })),
    found: 'state from the log',
    faults: ['sickness'],
  },
  {
    how: 'task-state forgets how many updates there were',
    parts: withProcessor('task-state', ({ evolve }) => ({
      evolve: (state, event) =>
        event.type === 'TaskSnapshot'
          ? evolve(state, { ...event, data: { ...event.data, sequence: 0 } })
          : evolve(state, event),
    })),
    found: 'updates numbered',
  },
  {
    how: "a task's record lacks its artifacts",
    parts: saying('task-state', 'TaskSnapshot', (data) => ({ ...data, artifacts: {} })),
    found: 'tasks fold',
  },
  {
    how: 'whoever speaks of a task is taken for its agent',
    parts: withProcessor('task-state', ({ decide }) => ({
      decide: (event, state) => {
        const { taskId } = event.data as { taskId: string };
        const own = (state as TaskStateState).partitions.get(event.partition)?.open.get(taskId);
        return decide(own ? withData(event, { ...event.data, agent: own.agent }) : event, state);
      },
    })),
    found: 'own tasks only',
    taskAsks: asking(
      [{ do: 'hang' }],
      Array.from({ length: 3 }, () => ({ agent: 'rogue' })),
    ),
  },
  {
    how: 'an agent that calls is taken for the first to ask',
    parts: saying('task-state', 'RequestReceived', ({ request }) => ({
      request: { ...request, subject: { ...request.subject, actors: [] } },
    })),
    found: 'calls once',
  },
  {
    how: 'agents are not told how their calls ended',
    parts: saying('edge-agents', 'CallAnswered', () => undefined),
    found: 'agents told',
  },
  {
    how: 'agents do not find what they have recorded',
    parts: { ...wholeMesh, overlooked: ['StepRecorded'] },
    found: 'steps once',
    faults: ['agent crash'],
    taskAsks: asking([{ do: 'step' }, { do: 'slow', ms: 8_000 }]),
  },
  {
    how: 'no timer fires',
    parts: withLog('timers', () => ({ append: async (events) => events.map(() => 0) })),
    found: 'ended in time',
  },
  {
    how: 'a cancellation goes no deeper',
    parts: saying('task-state', 'TaskCancelRequested', () => undefined),
    found: 'sub-tasks cancelled',
    taskAsks: asking(
      [
        { do: 'agent', name: 'scout', program: [{ do: 'ask' }, { do: 'ask' }, { do: 'ask' }] },
        { do: 'sleep', ms: 30_000 },
      ],
      [],
      20_000,
    ),
  },
  {
    how: 'timers fire too early',
    parts: withLog('timers', (log) => ({
      consume: (group, topics, consumer) => {
        const early = (record: AnyRecorded) =>
          record.type === 'TimerSet' ? withData(record, { ...record.data, at: record.data.at - 5_000 }) : record;
        return log.consume(group, topics, { ...consumer, handle: (record) => consumer.handle(early(record)) });
      },
    })),
    found: 'timers once',
  },
];
