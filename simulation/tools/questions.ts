/** What an MCP server asks in the course of calls, and what it hears in answer, whether it still waits for that or not. */
import type { World } from '../world.ts';
import type { Answer } from './answers.ts';
import { STATE } from './offers.ts';
import type { ToolCall } from './tool-call.ts';

/** An answer that reached a server. */
export interface HeardAnswer {
  /** The words of the question that it came as the answer to. */
  question: string;
  /** The call in the course of which that was asked. */
  call: string;
  /** Undefined: that there is none. */
  said: Answer | undefined;
  /** Whether it came with a call of its client that may be made twice. */
  mayComeAgain: boolean;
}

interface Asked {
  text: string;
  call: string;
  /** It has its answer, or is withdrawn. */
  over(): void;
}

const ELICIT = 'elicitation/create';
const paramsOf = (message: string) => ({
  mode: 'form',
  message,
  requestedSchema: { type: 'object', properties: { answer: { type: 'integer' } } },
});
/** What a server without sessions has its client bring back. */
interface State {
  round: number;
  text: string;
  call: string;
}
const stateIn = ({ requestState }: ToolCall['params']): State | undefined =>
  typeof requestState === 'string' ? JSON.parse(requestState.slice(STATE.length)) : undefined;

export class Questions {
  readonly heard: HeardAnswer[] = [];
  readonly #server: string;
  readonly #world: World;
  /** Those of sessions, by their ids. */
  readonly #asked = new Map<string, Asked>();
  #count = 0;

  constructor(server: string, world: World) {
    this.#server = server;
    this.#world = world;
  }

  #next(of: string): string {
    return `question ${++this.#count} of ${this.#server} in ${of}`;
  }

  /**
   * Asks on the stream of a call in a session, one after the other or all at once.
   * @param of which call it is. @param isOpen whether it is under way. @param then told once all are answered or withdrawn.
   */
  ask(call: ToolCall, of: string, count: number, isOpen: () => boolean, then: () => void): void {
    const { random } = this.#world;
    const isAtOnce = random.chance(0.3);
    let left = count;
    const one = () => {
      const text = this.#next(of);
      const id = `${this.#server}-${this.#count}`;
      let isOver = false;
      const over = () => {
        if (isOver || !isOpen()) return;
        isOver = true;
        left -= 1;
        if (left === 0) then();
        else if (!isAtOnce) one();
      };
      this.#asked.set(id, { text, call: of, over });
      call.request(id, ELICIT, paramsOf(text));
      if (random.chance(0.1))
        this.#world.after(random.between(10, 4_000), `${this.#server} withdraws a question`, () => {
          if (isOver || !isOpen()) return;
          call.notify('notifications/cancelled', { requestId: id, reason: 'enough' });
          over();
        });
    };
    for (let i = 0; i < (isAtOnce ? count : 1); i++) one();
  }

  /** Told of an answer in a session. */
  take({ id, result }: ToolCall): void {
    const asked = this.#asked.get(String(id));
    this.heard.push({
      question: asked?.text ?? '',
      call: asked?.call ?? '',
      said: result?.content,
      mayComeAgain: false,
    });
    asked?.over();
  }

  /**
   * What a call is answered with, that is not of a session, until its client has answered all; then undefined.
   * @param isRepeatable whether it may be made twice.
   */
  required({ params }: ToolCall, of: string, count: number, isRepeatable: boolean): object | undefined {
    const { round, text, call } = stateIn(params) ?? { round: 0, text: '', call: '' };
    const responses = Object.values((params.inputResponses ?? {}) as Record<string, { content?: Answer }>);
    // The mesh makes the call itself anew for a client that would not.
    const mayComeAgain = isRepeatable && of !== call;
    for (const { content } of responses) this.heard.push({ question: text, call, said: content, mayComeAgain });
    if (round >= count) return undefined;
    const next: State = { round: round + 1, text: this.#next(of), call: of };
    const inputRequests = { own: { method: ELICIT, params: paramsOf(next.text) } };
    return { resultType: 'input_required', inputRequests, requestState: STATE + JSON.stringify(next) };
  }
}
