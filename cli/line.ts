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

/** One event in one line: time, conversation, type, time since the request, who, what, and what became of it. */
export const eventLine = (event: AnyRecorded): string => {
  const asked = madeAt(event.correlationId);
  const columns = [
    Number.isNaN(event.time) ? '??:??:??.???' : clock(event.time),
    short(plain(event.key, 500)),
    plain(event.type || 'no type', 60).padEnd(20),
    (asked === undefined || !(event.time >= asked) ? '' : `+${lasting(event.time - asked)}`).padStart(9),
    ...aboutRequest(event).map((part) => plain(part, 120)),
    stepOf(event).text,
  ];
  return columns.join('  ');
};
