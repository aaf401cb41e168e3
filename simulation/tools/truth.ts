/** What reached MCP servers is what was asked, and what clients were told is what their servers said. */
import { isDeepStrictEqual } from 'node:util';
import type { ClientAnswer, LoggedRecord, ToolShown, UpstreamCall, Violation } from '../../invariants/index.ts';
import { firstOfEach, groupedBy, type Of, ofTypes } from '../../invariants/reading.ts';
import { readOutcome, readRequest } from '../../services/runtime/mcp/message.ts';
import type { ToolAsk } from './asks.ts';
import { isAnswer, type ToolTold } from './clients.ts';
import type { Performed, ToolServer } from './tool-server.ts';

/** The dispatches of calls of tools, by the argument that tells them, in the order of the log. */
const dispatchesByCall = (records: readonly LoggedRecord[]) =>
  groupedBy(
    ofTypes(firstOfEach(records), 'RequestDispatched').filter(({ data }) => data.request.action === 'tool.call'),
    ({ data }) => data.request.arguments.call ?? '',
  );

/** Under a key there may be several: what performed nothing is asked for anew. */
const dispatchOf = ({ call, logged }: Performed, dispatches: ReturnType<typeof dispatchesByCall>) => {
  const own = dispatches.get(call) ?? [];
  return own.findLast(({ sequence = 0 }) => sequence < logged) ?? own[0];
};

export const callsOf = (
  servers: readonly ToolServer[],
  asks: readonly ToolAsk[],
  records: readonly LoggedRecord[],
): UpstreamCall[] => {
  const dispatches = dispatchesByCall(records);
  const keys = new Map(asks.flatMap(({ key, call, kind }) => (key !== '' && kind === 'sends' ? [[call, key]] : [])));
  return servers.flatMap(({ performed }) =>
    performed.map((one) => {
      const { call, refused, at, logged } = one;
      const key = keys.get(call);
      const requestId = dispatchOf(one, dispatches)?.correlationId ?? '';
      return { dispatchId: '', requestId, refused, at, logged, ...(key !== undefined && { key }) };
    }),
  );
};

/** Of those without a key: what is asked again is answered with what an earlier request came to. */
export const answersOf = (told: readonly ToolTold[]): ClientAnswer[] =>
  told.flatMap(({ ask: { tool, key }, requestId, status, result, error }) => {
    // What was answered with a task has its answer another time.
    if (tool === '' || key !== '' || (result && !isAnswer({ result }))) return [];
    const ofError = error && error.code >= 400 && error.code < 600 ? error.code : 400;
    return [{ requestId, status: result || status >= 400 ? status : ofError, whole: result !== undefined }];
  });

export const shownIn = (told: readonly ToolTold[]): ToolShown[] =>
  told.flatMap(({ ask: { server, tool }, result, at, logged }) =>
    tool === '' ? (result?.tools ?? []).map(({ name }) => ({ server, tool: name, at, logged })) : [],
  );

const violation = (invariant: string, requestId: string, message: string): Violation => ({
  invariant,
  contextId: '',
  requestId,
  message,
});

const wasAsked = (one: Performed, dispatch: Of<'RequestDispatched'> | undefined): Violation[] => {
  // That there is none is seen to elsewhere.
  if (!dispatch) return [];
  const { params } = readRequest(dispatch.data.request.message);
  const { call: _, ...said } = params.arguments as Record<string, unknown>;
  if (params.name === one.tool && isDeepStrictEqual(said, one.said)) return [];
  return [violation('call whole', dispatch.correlationId, 'the server was told something else than the client said')];
};

const textOf = ({ content }: NonNullable<ToolTold['result']>): string => content?.[0]?.text ?? '';

const wasSaid = (
  { ask, requestId, result, steps }: ToolTold,
  performed: readonly Performed[],
  completed: ReadonlySet<string>,
): Violation[] => {
  const isRising = steps.every((step, i) => i === 0 || step > steps[i - 1]!);
  const order = isRising ? [] : [violation('answer whole', requestId, `progress came out of order: ${steps}`)];
  if (ask.tool === '' || !result || !isAnswer({ result })) return order;
  const text = textOf(result);
  if (!performed.some((one) => one.call === ask.call && one.text === text))
    return [...order, violation('answer whole', requestId, `${ask.call} was told what no server said of it: ${text}`)];
  return completed.has(text)
    ? order
    : [...order, violation('answer whole', requestId, `${ask.call} was told what is not in the log: ${text}`)];
};

const textsIn = (records: readonly LoggedRecord[]): Set<string> =>
  new Set(
    ofTypes(firstOfEach(records), 'ResponseCompleted').flatMap(({ data }) => {
      const outcome = data.action === 'tool.call' ? readOutcome(data.message) : undefined;
      return outcome && 'result' in outcome ? [textOf(outcome.result)] : [];
    }),
  );

export const toolsTruth = (
  servers: readonly ToolServer[],
  told: readonly ToolTold[],
  records: readonly LoggedRecord[],
): Violation[] => {
  const dispatches = dispatchesByCall(records);
  const performed = servers.flatMap((server) => server.performed);
  const completed = textsIn(records);
  return [
    ...performed.flatMap((one) => wasAsked(one, dispatchOf(one, dispatches))),
    ...told.flatMap((one) => wasSaid(one, performed, completed)),
  ];
};
