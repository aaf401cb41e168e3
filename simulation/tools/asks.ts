/** What clients ask of MCP servers through the mesh, and when: drawn from the seed before a run begins. */
import { KEY, OTHER_KEY } from '../configuration.ts';
import type { Random } from '../random.ts';
import type { World } from '../world.ts';
import { type Kind, type ServerOffer, TWIN } from './offers.ts';

/** What the client of a task does. */
export interface TaskAsk {
  /** How often it asks for it, at any process, after it has been given it. */
  looks: number;
  /** After how long it cancels it, at any process, milliseconds; 0: never. */
  cancelAfterMs: number;
}

/** What a client does when its server asks it something in the course of a call. */
export interface Answering {
  /** How many questions the server is to ask. */
  questions: number;
  /** Each of them is answered so often, at any process. */
  times: number;
  /** After how long, milliseconds. */
  afterMs: number;
  /** Whether somebody else answers before it. */
  isForestalled: boolean;
}

export interface ToolAsk {
  /** Milliseconds after the beginning. */
  at: number;
  server: string;
  /** Empty: what there is to call. */
  tool: string;
  kind: Kind;
  /** By which its server tells it from all others. */
  call: string;
  /** Of a client of the revision with sessions, which one of its; empty: it needs none. */
  session: string;
  conversation: string;
  credential: string;
  /** Empty: none. */
  key: string;
  /** How long its server is to take for it, milliseconds; 0: as long as chance has it. */
  takesMs: number;
  /** What becomes of it where it becomes a task; undefined: its client takes none. */
  task: TaskAsk | undefined;
  /** Undefined: nothing is asked, and it could not be answered. */
  answering: Answering | undefined;
  wantsProgress: boolean;
  /** How long the call may take, milliseconds; 0: as long as the mesh lets it. */
  withinMs: number;
  /** After how long the client hangs up; 0: never. */
  patienceMs: number;
  /** After how long it is said in the session, at any process, that it is not wanted any more; 0: never. */
  cancelAfterMs: number;
}

/** As long as it takes until tools are known. */
const KNOWN_MS = 2_000;

/** A client of the revision without sessions goes away with a task, and comes back. */
const drawTask = (random: Random): TaskAsk => ({
  looks: 1 + random.below(5),
  cancelAfterMs: random.chance(0.3) ? random.between(1, 6_000) : 0,
});

const drawAnswering = (random: Random): Answering => {
  const chance = random.next();
  return {
    questions: 1 + random.below(2),
    times: chance < 0.12 ? 0 : chance < 0.75 ? 1 : 2,
    afterMs: random.chance(0.7) ? random.between(1, 400) : random.between(400, 9_000),
    isForestalled: random.chance(0.2),
  };
};

const drawAsk = (random: Random, offers: readonly ServerOffer[], at: number, i: number): ToolAsk => {
  const { name: server, tools } = random.pick(offers);
  const isList = random.chance(0.15);
  const sends = tools.filter(({ kind, isTempting }) => kind === 'sends' && !isTempting);
  const { name, kind } = random.pick(random.chance(0.5) ? sends : tools);
  const session = random.chance(0.4) ? `s${random.below(2)} of ${server}` : '';
  const task = session === '' && !isList && random.chance(0.5) ? drawTask(random) : undefined;
  const answering = !isList && random.chance(0.25) ? drawAnswering(random) : undefined;
  const chance = random.next();
  const isShort = random.chance(0.1);
  return {
    at,
    server,
    tool: isList ? '' : name,
    kind,
    call: `call ${i}.`,
    session,
    conversation: random.chance(0.5) ? `m${random.below(2)}` : `c${random.below(2)}`,
    credential: chance < 0.92 ? KEY : chance < 0.97 ? OTHER_KEY : 'sk-nobody',
    key: random.chance(0.35) ? `tool key ${i}` : '',
    takesMs: task && random.chance(0.7) ? Math.round(random.between(500, 3_500)) : 0,
    task,
    answering,
    wantsProgress: random.chance(0.4),
    // Who never answers would keep its server waiting.
    withinMs: isShort || answering ? Math.round(random.between(500, answering ? 20_000 : 5_000)) : 0,
    patienceMs: random.chance(0.12) ? random.between(1, 3_000) : 0,
    cancelAfterMs: session !== '' && random.chance(0.2) ? random.between(1, 3_000) : 0,
  };
};

/** Up to 6, some of which are made again under their keys. @param offers of the servers that there are. */
export const drawToolAsks = ({ random }: World, offers: readonly ServerOffer[]): ToolAsk[] => {
  // Nobody knows of a twin.
  const known = offers.filter(({ name }) => name !== TWIN);
  if (known.length === 0) return [];
  let at = random.chance(0.9) ? KNOWN_MS : 0;
  const asks = Array.from({ length: 1 + random.below(6) }, (_, i): ToolAsk => {
    at += random.chance(0.9) ? random.between(0, 800) : random.between(800, 60_000);
    return drawAsk(random, known, at, i);
  });
  const again = asks.filter(({ key, tool }) => key !== '' && tool !== '' && random.chance(0.6));
  return [
    ...asks,
    ...again.map((ask) => ({
      ...ask,
      at: ask.at + (random.chance(0.5) ? random.between(0, 500) : random.between(500, 20_000)),
    })),
  ];
};
