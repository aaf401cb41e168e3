/** What is promised of questions of servers, each as a function of the answers that reached them. */
import type { Violation } from '../../invariants/index.ts';
import { groupedBy } from '../../invariants/reading.ts';
import type { HeardAnswer } from './questions.ts';

const violation = (invariant: string, message: string): Violation => ({
  invariant,
  contextId: '',
  requestId: '',
  message,
});

/** An answer reaches the question that it was given to, and no other. */
export const answersBelong = (heard: readonly HeardAnswer[]): Violation[] =>
  heard.flatMap(({ question, said }) =>
    said && said.to !== question
      ? [violation('answers belong', `"${question}" was answered with ${said.answer}, which is to "${said.to}"`)]
      : [],
  );

/** It does once, unless it is a part of a call that does no harm when it is made twice. */
export const answersOnce = (heard: readonly HeardAnswer[]): Violation[] => {
  const given = heard.flatMap(({ said, mayComeAgain }) => (said && !mayComeAgain ? said : []));
  return [...groupedBy(given, ({ answer }) => String(answer)).values()].flatMap(([one, ...others]) =>
    others.length > 0
      ? [violation('answers once', `answer ${one!.answer} to "${one!.to}" came ${others.length + 1} times`)]
      : [],
  );
};

/** Nobody answers but the caller that was asked. */
export const answersOwn = (heard: readonly HeardAnswer[]): Violation[] =>
  heard.flatMap(({ question, call, said }) =>
    said && said.by !== call ? [violation('answers own', `"${question}" was answered by ${said.by}`)] : [],
  );

export const questionsTruth = (heard: readonly HeardAnswer[]): Violation[] =>
  [answersBelong, answersOnce, answersOwn].flatMap((find) => find(heard));
