import type { Request } from '../schemas/generated.ts';
import type { AnyRecorded } from '../services/runtime/log.ts';
import { clock, lasting, used } from './figures.ts';
import { madeAt } from './since.ts';
import { stepOf, what, who } from './step.ts';
import { plain } from './text.ts';

const SHORT = 12;

/** The end of a conversation's id: its beginning is the same for all that began at about the same time. */
const short = (id: string): string => (id.length > SHORT ? `…${id.slice(1 - SHORT)}` : id.padEnd(SHORT));

const aboutRequest = (event: AnyRecorded): string[] => {
  try {
    const data = event.data as { request?: Request | null } & Partial<Request> & { meters?: Record<string, number> };
    const { subject, action, resource, meters } = { ...data, ...data.request };
    return [
      ...(subject ? [who(subject)] : []),
      ...(action && resource ? [what({ action, resource })] : []),
      ...(meters && event.type === 'ResponseCompleted' ? [used(meters)] : []),
    ];
  } catch {
    return [];
  }
};

/** One event in one line: time, conversation, type, who, what, what became of it, and how long after the request. */
export const eventLine = (event: AnyRecorded): string => {
  const { text } = stepOf(event);
  const asked = madeAt(event.correlationId);
  const after = asked === undefined || event.time < asked ? '' : `+${lasting(event.time - asked)}`;
  const parts = [...aboutRequest(event).map((part) => plain(part, 120)), text, after].filter(Boolean);
  const time = Number.isNaN(event.time) ? '??:??:??.???' : clock(event.time);
  return `${time}  ${short(plain(event.key, 500))}  ${plain(event.type || 'no type', 60).padEnd(17)}  ${parts.join('  ')}`;
};
