/** What clients of MCP can tell by themselves, and what their server can. Pure. */
import type { Violation } from '../../invariants/index.ts';
import { isGood } from '../load.ts';
import { STEPS } from './access-log.ts';
import type { SessionSeen, ToolCall } from './load.ts';

const violation = (invariant: string, contextId: string, requestId: string, message: string): Violation => ({
  invariant,
  contextId,
  requestId,
  message,
});

const ofCall = ({ label, tool, conversation, tries }: ToolCall): Violation[] =>
  tries.flatMap((tried) => {
    const wrong = (message: string) =>
      violation('what clients see', conversation, tried.requestId, `${label} ${tool} ${message}`);
    const isRising = tried.steps.every((step, i) => step > (tried.steps[i - 1] ?? 0));
    const found = isRising ? [] : [wrong(`is told of its progress out of order: ${tried.steps}`)];
    if (!isGood(tried)) return found;
    if (!tried.text.endsWith(` to ${tried.id}`)) found.push(wrong(`got another's answer: ${tried.text}`));
    const wanted = tool === 'add_slowly' ? STEPS : 0;
    if (tried.steps.length !== wanted) found.push(wrong(`was told ${tried.steps.length} times of its progress`));
    return found;
  });

const ofSession = ({ id, givenUp, missingAt }: SessionSeen): Violation[] => [
  ...(givenUp
    ? [violation('sessions live', id, '', 'a session that was opened was not found, however often tried')]
    : []),
  ...missingAt.map((url) => violation('sessions live', id, '', `a session that was opened is not known to ${url}`)),
];

/** @param requests by the argument that only one try has. */
export const toolViolations = (
  calls: readonly ToolCall[],
  sessions: readonly SessionSeen[],
  requests: ReadonlyMap<string, readonly string[]>,
): Violation[] => [
  ...calls.flatMap(ofCall),
  ...sessions.flatMap(ofSession),
  ...[...requests].flatMap(([call, ids]) =>
    ids.length > 1 ? [violation('one request', '', ids[0]!, `${call} became ${ids.length} requests`)] : [],
  ),
];
