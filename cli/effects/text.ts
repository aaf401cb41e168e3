/** A call whose outcome is not known, for a person and for a program. */
import { readRequest } from '../../services/runtime/mcp/message.ts';
import type { Redaction } from '../../services/runtime/redaction.ts';
import { readable } from '../event-json.ts';
import { excerpt } from '../excerpt.ts';
import { instant, lasting } from '../figures.ts';
import { what, who } from '../step.ts';
import { plain } from '../text.ts';
import type { Effect } from './known.ts';

const LONGEST = 500;

/** What was asked: of a tool its arguments, else the message in a line. */
const asked = ({ request }: Effect, { value, bytes }: Redaction): string => {
  if (!request) return 'no longer in the log';
  if (request.protocol !== 'mcp') return excerpt(request.protocol, bytes(request.message));
  return JSON.stringify(value(readRequest(request.message).params.arguments ?? {}));
};

const settlement = ({ settled }: Effect, { text }: Redaction): string[] => {
  if (!settled) return [];
  const word = settled.happened ? 'it happened' : 'it did not happen';
  return [
    `  settled    ${plain(text(`${word}, says ${settled.by}: ${settled.note}`), LONGEST)}, ${instant(settled.at)}`,
  ];
};

export const effectText = (effect: Effect, redaction: Redaction): string[] => {
  const { subject, contextId, target, begunAt, endedAt, failure } = effect;
  const { text } = redaction;
  return [
    `${plain(effect.requestId)}  ${plain(text(what(effect)), 300)}`,
    `  asked by   ${plain(`${who(subject)} (${subject.unit}, ${subject.tenant}; ${subject.credential})`, 300)}`,
    `  in         ${plain(contextId)}`,
    `  begun      ${instant(begunAt)} at ${plain(target)}, given up after ${lasting(Math.max(0, endedAt - begunAt))}`,
    `  why        ${plain(text(`${failure.reason}: ${failure.message}`), LONGEST)}`,
    `  asked      ${plain(asked(effect, redaction), LONGEST)}`,
    ...settlement(effect, redaction),
  ];
};

/** The same, with the whole message and instants as ISO 8601. */
export const effectJson = (effect: Effect, { value }: Redaction): unknown => {
  const { request, settled, begunAt, endedAt, ...rest } = effect;
  const at = (time: number) => new Date(time).toISOString();
  return readable(
    value({
      ...rest,
      begunAt: at(begunAt),
      endedAt: at(endedAt),
      message: request?.message ?? null,
      settled: settled ? { happened: settled.happened, by: settled.by, note: settled.note, at: at(settled.at) } : null,
    }),
  );
};
