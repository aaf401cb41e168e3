/** Events as they are shown: without the secrets that the log holds. */
import { parseConfiguration } from '../services/runtime/configuration.ts';
import type { AnyRecorded, Log } from '../services/runtime/log.ts';
import { type Redaction, redaction, redactionOf } from '../services/runtime/redaction.ts';
import type { EventType } from '../topics/index.ts';

/** The rules of the configuration in force; before there is one, the mesh's own. */
export const readRedaction = async (log: Log): Promise<Redaction> => {
  let rules = redaction;
  const tail = await log.tail(
    ['mesh.configuration'],
    (record) => {
      if (record.type !== 'MeshConfigured') return;
      try {
        rules = redactionOf(parseConfiguration(record.data).redaction);
      } catch {
        // One that cannot be read is in force nowhere.
      }
    },
    { from: 'beginning' },
  );
  await tail.caughtUp;
  await tail.close();
  return rules;
};

/** What these hold was not sent by a caller, and a parameter named `password` is no password. */
const open: ReadonlySet<EventType> = new Set(['MeshConfigured', 'DefinitionObserved', 'DefinitionReviewed']);

/** The same event, without secrets in its data. What cannot be read cannot be read still. */
export const redactedEvent = (event: AnyRecorded, { value }: Redaction): AnyRecorded => {
  if (open.has(event.type)) return event;
  let data: unknown;
  const get = () => {
    data ??= value(event.data);
    return data;
  };
  return Object.create(event, { data: { get, enumerable: true } }) as AnyRecorded;
};
