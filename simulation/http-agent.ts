/** An agent over HTTP, which knows nothing of the mesh: it does its work in its own time, whoever listens. */
import type { UpstreamCall } from '../invariants/index.ts';
import type { Cluster } from './cluster.ts';
import { type Deed, drawDeeds } from './deeds.ts';
import { errors, type HttpCall, type Params } from './http-call.ts';
import { RemoteTask } from './remote-task.ts';
import type { AccessLog } from './upstream.ts';

/** A message that came. */
export interface Sent extends UpstreamCall {
  agent: string;
  message: Params['message'];
}

/** What becomes of a call, whatever the agent does. */
type Fate = 'answered' | 'refused' | 'lost' | 'silent' | 'breaks';

const refusals = [500, 503, 429, 401, 404];

export class HttpAgent {
  readonly name: string;
  /** Whether its card says so. */
  readonly streams: boolean;
  /** Every task that it ever had, by its own ids. */
  readonly ever = new Map<string, RemoteTask>();
  readonly sent: Sent[] = [];
  readonly #cluster: Cluster;
  readonly #access: AccessLog;
  #tasks = new Map<string, RemoteTask>();

  constructor(name: string, streams: boolean, cluster: Cluster, access: AccessLog) {
    this.name = name;
    this.streams = streams;
    this.#cluster = cluster;
    this.#access = access;
  }

  get origin(): string {
    return `http://${this.name}.example`;
  }

  get #random() {
    return this.#cluster.world.random;
  }

  #delay(): number {
    const random = this.#random;
    const chance = random.next();
    if (chance < 0.8) return random.between(0.5, 50);
    // Longer than the mesh waits for a first byte, and shorter than it waits for one that is asked again and again.
    return chance < 0.95 ? random.between(50, 3_000) : random.between(3_000, 6_000);
  }

  #after(what: string, happen: () => void): void {
    this.#cluster.world.after(this.#delay(), `${this.name} ${what}`, happen);
  }

  #fate(): Fate {
    const random = this.#random;
    const { well, sick } = this.#access;
    const chance = well ? 1 : random.next();
    if (sick.length > 0 && chance < 0.9) return 'refused';
    if (chance < 0.04) return 'refused';
    if (chance < 0.08) return 'lost';
    if (chance < 0.11) return 'silent';
    return chance < 0.2 ? 'breaks' : 'answered';
  }

  /** All its connections break. @param forgets whether its tasks are gone too. */
  restart(forgets: boolean): void {
    for (const task of this.#tasks.values()) {
      task.lose();
      if (forgets) task.stop();
    }
    if (forgets) this.#tasks = new Map();
  }

  /** Told of a call that has come. */
  take(call: HttpCall) {
    const isSend = call.method === 'SendMessage' || call.method === 'SendStreamingMessage';
    if (isSend) {
      const { world, length: logged } = this.#cluster;
      const { dispatchId, params } = call;
      this.sent.push({ agent: this.name, dispatchId, at: world.time.now(), logged, message: params.message });
    }
    const fate = this.#fate();
    if (fate === 'refused') return call.refuse(this.#random.pick(refusals));
    if (fate === 'lost') call.breaksAfter = 0;
    if (fate === 'breaks') call.breaksAfter = this.#random.below(4);
    this.#after('answers', () => {
      if (isSend) this.#hear(call, fate);
      else this.#tell(call, fate);
    });
  }

  #reply(call: HttpCall, fate: Fate, result: object) {
    if (fate === 'silent') return;
    if (fate === 'answered') call.answer(result);
    else call.lose();
  }

  /** @param briefly whether the task as it is is all that there is to hear. */
  #listen(call: HttpCall, task: RemoteTask, fate: Fate, briefly = false): void {
    if (fate === 'silent') return;
    call.hear({ task: task.whole() });
    if (briefly) call.end();
    else task.listeners.add(call);
  }

  #tell(call: HttpCall, fate: Fate) {
    const { method, params } = call;
    if (method === 'ListTasks' && this.#random.chance(0.1)) return call.fail(errors.unsupported);
    if (method === 'ListTasks') {
      const tasks = [...this.#tasks.values()].filter(({ contextId }) => contextId === params.contextId);
      const listed = tasks.map((task) => task.whole()).reverse();
      const page = { nextPageToken: '', pageSize: 20, totalSize: listed.length };
      return this.#reply(call, fate, { tasks: listed, ...page });
    }
    const task = this.#tasks.get(params.id);
    if (!task) return call.fail(errors.notFound);
    if (method === 'GetTask') return this.#reply(call, fate, task.whole());
    if (method === 'SubscribeToTask') {
      if (task.isOver) return call.fail(errors.unsupported);
      const isIdle = task.waits && !task.isBusy;
      return this.#listen(call, task, fate, isIdle && this.#random.chance(0.8));
    }
    if (task.isOver) return call.fail(errors.notCancelable);
    task.stop();
    task.tell(task.stand('CANCELED'));
    task.end();
    this.#reply(call, fate, task.whole());
  }

  #hear(call: HttpCall, fate: Fate) {
    const random = this.#random;
    const { message } = call.params;
    if (!message.taskId && random.chance(0.04)) return call.fail(errors.invalid);
    if (!message.taskId && random.chance(0.08)) return this.#direct(call, fate);
    const task = message.taskId ? this.#tasks.get(message.taskId) : this.#begin(message.contextId ?? '');
    if (!task) return call.fail(errors.notFound);
    if (task.isOver) return call.fail(errors.unsupported);
    task.hear(message);
    if (call.isStream) this.#listen(call, task, fate);
    else if (random.chance(0.7)) this.#reply(call, fate, { task: task.whole() });
    else {
      // It does not answer before it has something to say.
      const say = () => this.#reply(call, fate, { task: task.whole() });
      task.listeners.add({ hear: () => {}, end: say, lose: () => call.lose() });
    }
    this.#work(task, task.work, drawDeeds(random, task.waits));
  }

  #direct(call: HttpCall, fate: Fate) {
    const message = {
      messageId: `${this.name}-m${this.sent.length}`,
      role: 'ROLE_AGENT',
      parts: [{ text: 'said at once' }],
    };
    if (!call.isStream) return this.#reply(call, fate, { message });
    if (fate === 'silent') return;
    call.hear({ message });
    call.end();
  }

  #begin(contextId: string): RemoteTask {
    const { world } = this.#cluster;
    const task = new RemoteTask(world, `${this.name}-${this.ever.size + 1}`, contextId, this.#random.chance(0.6));
    this.ever.set(task.id, task);
    this.#tasks.set(task.id, task);
    return task;
  }

  #work(task: RemoteTask, work: number, [deed, ...rest]: readonly Deed[], last: object = {}): void {
    this.#after('works', () => {
      if (task.work !== work) return;
      if (!deed) {
        task.isBusy = false;
        if (task.state !== 'WORKING') task.end();
        return;
      }
      const update = this.#do(task, deed, last);
      task.tell(update);
      this.#work(task, work, rest, update);
    });
  }

  #do(task: RemoteTask, deed: Deed, last: object): object {
    if ('state' in deed) return task.stand(deed.state, this.#random.chance(0.3) ? 'so it is' : '');
    if (deed.do === 'piece') return task.piece();
    if (deed.do === 'again') return 'statusUpdate' in last ? last : { task: task.whole() };
    const status = { state: 'TASK_STATE_FAILED' };
    return { statusUpdate: { taskId: `${this.name}-of-another`, contextId: task.contextId, status } };
  }
}
