/** Clients of agents: what they ask, what they answer when they are asked back, and when they do not want it any more. */
import { SendMessageRequest } from '@a2a-js/sdk';
import type * as mesh from '../schemas/generated.ts';
import { received, type Sending } from '../services/edge-a2a/inbound/request.ts';
import { newId } from '../services/runtime/event.ts';
import type { Event } from '../services/runtime/log.ts';
import { agentNames, credentials, httpAgentNames } from './configuration.ts';
import type { KnownTasks } from './known-tasks.ts';
import type { MeshProcess } from './process.ts';
import { drawProgram } from './programs.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

export interface TaskAsk {
  /** Milliseconds after the beginning. */
  at: number;
  agent: string;
  conversation: string;
  text: string;
  credential: (typeof credentials)[number];
  returnImmediately: boolean;
  /** How long the agent may take, milliseconds. */
  withinMs: number;
  /** After how long it is cancelled; 0: never. */
  cancelAfterMs: number;
  /** After how long something more is said, whether it is asked for or not; 0: never. */
  moreAfterMs: number;
}

const drawAgent = (random: Random): string => {
  if (random.chance(0.3)) return random.pick(httpAgentNames);
  return random.pick(['clerk', 'clerk', 'scout', ...agentNames, ...(random.chance(0.1) ? ['nobody'] : [])]);
};

/** Up to 5, in conversations of their own or in those of other calls. */
export const drawTaskAsks = ({ random }: World): TaskAsk[] => {
  let at = 0;
  return Array.from({ length: random.below(6) }, (_, i): TaskAsk => {
    at += random.chance(0.7) ? random.between(0, 600) : random.between(600, 20_000);
    return {
      at,
      agent: drawAgent(random),
      conversation: random.chance(0.5) ? `t${i}` : `c${random.below(2)}`,
      text: JSON.stringify(drawProgram(random)),
      credential: random.chance(0.95) ? credentials[0]! : credentials[1]!,
      returnImmediately: random.chance(0.3),
      withinMs: random.chance(0.6) ? random.between(10_000, 50_000) : random.between(200, 15_000),
      cancelAfterMs: random.chance(0.25) ? random.between(1, 15_000) : 0,
      moreAfterMs: random.chance(0.15) ? random.between(1, 15_000) : 0,
    };
  });
};

/** Clients, each beside any process that is up; where none is, nobody hears them. */
export class Askers {
  readonly #world: World;
  readonly #processes: readonly MeshProcess[];
  readonly #asks = new Map<string, TaskAsk>();
  readonly #answered = new Set<string>();

  constructor(world: World, processes: readonly MeshProcess[]) {
    this.#world = world;
    this.#processes = processes;
  }

  ask(asked: TaskAsk, tasks: KnownTasks): void {
    const { cancelAfterMs, moreAfterMs } = asked;
    const taskId = newId();
    this.#asks.set(taskId, asked);
    this.#state((now) => this.#received(asked, asked.text, taskId, false, now));
    const known = () => tasks.all().find((task) => task.taskId === taskId);
    if (cancelAfterMs > 0)
      this.#world.after(cancelAfterMs, 'a client cancels', () => {
        const task = known();
        if (task) this.#state((now) => this.#cancelled(task, now));
      });
    if (moreAfterMs > 0)
      this.#world.after(moreAfterMs, 'a client says more', () => {
        if (known()) this.#state((now) => this.#received(asked, 'and another thing', taskId, true, now));
      });
  }

  /** Told where a task stands. Who is asked back mostly answers, sometimes twice. */
  see({ taskId, state, sequence, turn }: mesh.TaskSnapshot): void {
    const asked = this.#asks.get(taskId);
    const question = `${taskId} ${sequence}`;
    const waits = state === 'TASK_STATE_INPUT_REQUIRED' || state === 'TASK_STATE_AUTH_REQUIRED';
    if (!asked || !waits || turn || this.#answered.has(question)) return;
    this.#answered.add(question);
    const { random } = this.#world;
    if (random.chance(0.1)) return;
    for (let i = random.chance(0.1) ? 2 : 1; i > 0; i--) {
      const answer = () => this.#state((now) => this.#received(asked, 'go on', taskId, true, now));
      this.#world.after(random.between(5, 6_000), 'a client answers', answer);
    }
  }

  #received(asked: TaskAsk, text: string, taskId: string, continues: boolean, now: number): Event {
    const { agent, conversation: contextId, credential, returnImmediately, withinMs } = asked;
    const { subject } = credential;
    const message = {
      messageId: newId(now),
      role: 'ROLE_USER',
      parts: [{ text }],
      contextId,
      ...(continues ? { taskId } : {}),
    };
    const chain = { person: subject.person, actors: [], parentTaskId: '' };
    const visitor = { caller: { credential, chain }, traceparent: '' } as unknown as Sending['visitor'];
    return received({
      agent,
      visitor,
      params: SendMessageRequest.fromJSON({ message, configuration: { returnImmediately } }),
      contextId,
      taskId,
      streaming: false,
      extensions: [],
      now,
      deadline: Math.round(now + withinMs),
    });
  }

  #cancelled({ taskId, contextId, agent, subject }: mesh.TaskSnapshot, time: number): Event<'TaskCancelRequested'> {
    const id = newId(time);
    const about = { id, source: 'edge-a2a', key: contextId, time, correlationId: id, causationId: '', traceparent: '' };
    return {
      ...about,
      type: 'TaskCancelRequested',
      data: { taskId, agent, subject, reason: 'The client asked for it.' },
    };
  }

  #state(make: (now: number) => Event): void {
    const up = this.#processes.filter((process) => process.up);
    if (up.length === 0) return;
    const process = this.#world.random.pick(up);
    // Whoever is told that the log cannot be reached asks no more.
    process.life.enter(() => void process.log!.append([make(process.now())]).catch(() => {}));
  }
}
