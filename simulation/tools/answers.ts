/** What clients answer to the questions of servers: each answer says to which question it is, and who gave it. */
import type { ToolAsk } from './asks.ts';
import type { Question, Wire } from './wire.ts';

/** What an answer says. */
export interface Answer {
  /** Which of all it is. */
  answer: number;
  /** The words of the question. */
  to: string;
  /** The call in the course of which it is asked, as its client names it; of a stranger: nobody. */
  by: string;
}

export const STRANGER = 'nobody';

/** MCP's ElicitResult, by the ids of questions. */
export type Answers = Record<string, { action: 'accept'; content: Answer }>;

export class Answerers {
  readonly #wire: Wire;
  #count = 0;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  #to(questions: Record<string, Question>, by: string): Answers {
    return Object.fromEntries(
      Object.entries(questions).map(([id, { params }]) => {
        const content = { answer: ++this.#count, to: params.message, by };
        return [id, { action: 'accept' as const, content }];
      }),
    );
  }

  /**
   * Answers when, and as often as, the client of a call does.
   * @param give sends answers; the stranger's as somebody else.
   */
  answer(
    { answering, call }: ToolAsk,
    questions: Record<string, Question>,
    give: (answers: Answers, isStranger: boolean) => void,
  ): void {
    if (!answering) return;
    const { times, afterMs, isForestalled } = answering;
    const { world } = this.#wire;
    if (isForestalled) world.after(afterMs / 2, 'a stranger answers', () => give(this.#to(questions, STRANGER), true));
    for (let i = 1; i <= times; i++)
      world.after(afterMs * i, 'a client answers', () => give(this.#to(questions, call), false));
  }
}
