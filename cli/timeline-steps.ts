/** What an event says where it is told of under its request: of whose task it is need not be said again. */
import { caseOf, readUpdate } from '../services/runtime/a2a/json.ts';
import type { AnyRecorded } from '../services/runtime/log.ts';
import { a2aExcerpt, sayUpdate } from './a2a-text.ts';
import { excerpt } from './excerpt.ts';
import { instant, lasting, used } from './figures.ts';
import { mcpExcerpt } from './mcp-text.ts';
import { type Step, stepOf, what, who } from './step.ts';
import { plain } from './text.ts';

const sayReport = (event: AnyRecorded): string | undefined => {
  switch (event.type) {
    case 'TaskReported': {
      const { word, text } = sayUpdate(readUpdate(event.data.update));
      return `said ${word} ${text}`;
    }
    case 'CallReported':
      return `asked to call ${what(event.data)}`;
    case 'SleepReported':
      return `asked to sleep until ${instant(event.data.at)}`;
    default:
      return undefined;
  }
};

const timerStep = (event: AnyRecorded<'TimerSet' | 'TimerFired' | 'TimerCleared'>): Step | undefined => {
  const isDeadline = event.data.purpose === 'DEADLINE';
  switch (event.type) {
    case 'TimerSet':
      return { word: isDeadline ? 'deadline' : 'sleeps', text: `until ${instant(event.data.at)}` };
    case 'TimerFired':
      return isDeadline ? { word: 'deadline', text: 'has passed' } : { word: 'woken', text: '' };
    case 'TimerCleared':
      return isDeadline ? undefined : { word: 'sleep ended', text: 'before its time' };
  }
};

const turnStep = ({ data, time }: AnyRecorded<'ResponseCompleted'>): Step => ({
  word: 'turn ended',
  text: [
    `${data.target.id} after ${lasting(Math.max(0, time - data.startedAt))}`,
    ...(Object.keys(data.meters).length > 0 ? [used(data.meters)] : []),
    // Of a task the updates have said it.
    ...(caseOf(data.message) === 'message' ? [a2aExcerpt(data.message)] : []),
  ].join(', '),
});

/** Of protocols that are not OpenAI's. */
const excerpts: Readonly<Record<string, (message: Buffer) => string>> = { a2a: a2aExcerpt, mcp: mcpExcerpt };

/** Tells of events. Remembers what agents said: it is told of when it is not taken. */
export class Steps {
  readonly #reports = new Map<string, string>();

  /**
   * @param protocol of the request.
   * @returns undefined for an event that others tell of.
   */
  of(event: AnyRecorded, protocol: string): Step | undefined {
    try {
      const step = this.#ofTask(event);
      if (step !== 'other') return step && { ...step, text: plain(step.text, 400) };
    } catch {
      // What cannot be read is told of below.
    }
    return stepOf(event, excerpts[protocol] ?? ((message) => excerpt(protocol, message)));
  }

  #ofTask(event: AnyRecorded): Step | undefined | 'other' {
    switch (event.type) {
      case 'TaskReported':
      case 'CallReported':
      case 'SleepReported':
        this.#remember(event);
        return undefined;
      case 'TaskUpdated': {
        const { taskId, agent, update } = event.data;
        const read = readUpdate(update);
        const { word, text } = sayUpdate(read);
        return { word, text: read.$case === 'task' ? `${taskId} of ${agent}, ${text}` : text };
      }
      case 'ReportRefused': {
        const { agent, reason, message } = event.data;
        const said = this.#reports.get(event.causationId) ?? 'said what is no longer in the log';
        return { word: 'not taken', text: `${agent} ${said}: ${reason}, ${message}` };
      }
      case 'TimerSet':
      case 'TimerFired':
      case 'TimerCleared':
        return timerStep(event);
      case 'TaskCancelRequested':
        return { word: 'cancel asked', text: `by ${who(event.data.subject)}: ${event.data.reason}` };
      case 'PushDelivered':
      case 'PushFailed': {
        const { configurationId, sequence, attempts } = event.data;
        const where = `update ${sequence} to ${configurationId}${attempts > 1 ? `, attempt ${attempts}` : ''}`;
        return event.type === 'PushDelivered'
          ? { word: 'pushed', text: where }
          : { word: 'push failed', text: `${where}: ${event.data.reason}` };
      }
      case 'ResponseCompleted':
        return event.data.action === 'agent.send' ? turnStep(event) : 'other';
      default:
        return 'other';
    }
  }

  #remember(event: AnyRecorded<'TaskReported' | 'CallReported' | 'SleepReported'>): void {
    try {
      const said = sayReport(event);
      if (said) this.#reports.set(event.id, plain(said, 200));
    } catch {
      // A refusal says what was wrong with it.
    }
  }
}
