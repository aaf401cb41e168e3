/** What a run leaves behind, in the form that the invariants take. Pure, but for reading the log. */
import type { ClientAnswer, Evidence, UpstreamCall } from '../invariants/index.ts';
import type { AnyRecorded, Log } from '../services/runtime/log.ts';
import { meshTopics } from '../topics/index.ts';
import type { Call } from './load.ts';
import type { AccessLogEntry } from './upstream.ts';

/** Reads an access log. @throws on a line that is none, by its number. */
export const parseLines = <Entry>(text: string, isEntry: (entry: Entry) => boolean): Entry[] =>
  text.split('\n').flatMap((line, i) => {
    if (line === '') return [];
    try {
      const entry: Entry = JSON.parse(line);
      if (!isEntry(entry)) throw new Error(line);
      return [entry];
    } catch (error) {
      throw new Error(`line ${i + 1} of the access log cannot be read`, { cause: error });
    }
  });

/** As `parseLines`, of the model server's. */
export const parseAccessLog = (text: string): AccessLogEntry[] =>
  parseLines(
    text,
    (entry: AccessLogEntry) => !Number.isNaN(Date.parse(entry.time)) && typeof entry.x_client_request_id === 'string',
  );

export const upstreamCalls = (entries: readonly AccessLogEntry[]): UpstreamCall[] =>
  entries.map((entry) => ({ dispatchId: entry.x_client_request_id, at: Date.parse(entry.time) }));

/** What clients were told; a try without an answer is none. */
export const clientAnswers = (calls: readonly Pick<Call, 'tries'>[]): ClientAnswer[] =>
  calls.flatMap(({ tries }) =>
    tries.filter(({ status }) => status > 0).map(({ requestId, status, whole }) => ({ requestId, status, whole })),
  );

export const evidenceOf = (
  records: readonly AnyRecorded[],
  reached: readonly UpstreamCall[],
  calls: readonly Pick<Call, 'tries'>[],
  endedAt: number,
): Evidence => ({ records, calls: reached, answers: clientAnswers(calls), endedAt });

/** Every record of every topic. @param progress told how far it is. */
export const readWhole = async (
  log: Log,
  progress: (seen: number, total: number) => void = () => {},
): Promise<AnyRecorded[]> => {
  const records: AnyRecorded[] = [];
  const see = (record: AnyRecorded) => void records.push(record);
  const tail = await log.tail(meshTopics, see, { from: 'beginning', progress });
  await tail.caughtUp;
  await tail.close();
  return records;
};
