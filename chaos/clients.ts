/** What clients can tell by themselves: that an answer is theirs, whole, and the same under the same key. Pure. */
import type { Violation } from '../invariants/index.ts';
import { type Call, isGood, type Try } from './load.ts';

const violation = (call: Call, { requestId }: Try, message: string): Violation => ({
  invariant: 'what clients see',
  contextId: call.conversation,
  requestId,
  message: `${call.label} ${message}`,
});

/** Of a stream the upstream says this last. */
export const LAST_WORDS = ' and'.repeat(12);

export const clientViolations = (calls: readonly Call[]): Violation[] =>
  calls.flatMap((call) => {
    const good = call.tries.filter(isGood);
    const wrong = good.flatMap((one) => {
      if (call.forbidden) return [violation(call, one, `was to be denied and got ${one.status}`)];
      if (!one.text.includes(` to ${call.label}`)) return [violation(call, one, `got another's answer: ${one.text}`)];
      if (call.streaming && !one.text.endsWith(LAST_WORDS)) return [violation(call, one, `lacks a part: ${one.text}`)];
      return [];
    });
    const texts = new Set(good.map((one) => one.text));
    if (call.idempotencyKey !== undefined && texts.size > 1)
      wrong.push(violation(call, good.at(-1)!, `has two answers under one key: ${[...texts].join(' | ')}`));
    return wrong;
  });
