/** What clients bring back that the mesh sealed: where they stand, and which task is theirs. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { openWaiting } from '../../services/edge-mcp/inbound/agents/continuation.ts';
import { openRound, sealRound } from '../../services/edge-mcp/inbound/rounds.ts';
import { openTask, sealTask } from '../../services/edge-mcp/inbound/tasks/task-id.ts';
import { createSigning, newSigningKey } from '../../services/runtime/signing.ts';
import { holds, type Target } from '../target.ts';

const signing = await createSigning(await newSigningKey());
const caller = {
  credential: {
    id: 'k',
    hash: '',
    subject: { tenant: 't', unit: 'u', agent: 'a', person: 'p' },
    revoked: false,
    expiresAt: null,
  },
  chain: { actors: [], parentTaskId: '' },
} as unknown as Parameters<typeof openWaiting>[2];

const ownRound = {
  mcpRequest: 'r',
  contextId: 'c',
  credential: 'k',
  endpoint: 'e',
  deadline: 1,
  traceparent: '',
  time: 1,
  attempt: 1,
  index: 1,
};
const ownTask = {
  request: 'r',
  contextId: 'c',
  tenant: 't',
  agent: 'a',
  endpoint: 'e',
  tool: 'x',
  begun: 1,
  deadline: 2,
};
const round = await sealRound(signing, ownRound);
const task = await sealTask(signing, ownTask);
const sealed = [round, task];

const opened = async (text: string) => ({
  round: await openRound(signing, text),
  task: await openTask(signing, text),
  waiting: await openWaiting(signing, text, caller, 'agent'),
});

/** The first byte: 0 and 1 begin with something sealed that the next bytes change, 2 seals the rest, else it is the rest. */
export const target: Target = {
  name: 'sealed',
  batch: 64,
  dictionary: [round, task, round.split('.')[0]!, '.', '..', 'eyJhbGciOiJkaXIi', '["r","c","t","a","e","x",1,2]'],
  structured: fc
    .tuple(fc.constantFrom(0, 1), fc.nat(255), fc.nat(255))
    .map(([which, at, by]) => Buffer.from([which, at, by])),
  run: async (input) => {
    const [how = 3, at = 0, by = 0] = input;
    const rest = input.subarray(1);
    if (how === 2) {
      const text = (await signing.seal(rest)).toString('latin1');
      const found = await opened(text);
      holds(!found.round || !found.task, 'one thing that is sealed is not taken for another');
      holds(!found.round || typeof found.round.deadline === 'number', 'where a request stands has its form');
      return;
    }
    const text = how > 1 ? rest.toString('latin1') : changed(sealed[how]!, at, by);
    const found = await opened(text);
    // The last character of a part has bits that stand for nothing: other text, and the same that was sealed.
    const isRound = found.round === undefined ? text !== round : isDeepStrictEqual(found.round, ownRound);
    const isTask = found.task === undefined ? text !== task : isDeepStrictEqual(found.task, ownTask);
    holds(isRound, 'only what the mesh sealed says where a request stands', () => text);
    holds(isTask, 'only what the mesh sealed says which task it is', () => text);
    holds(!found.waiting, 'only what the mesh sealed says what waits', () => text);
  },
};

const changed = (text: string, at: number, by: number): string => {
  const bytes = Buffer.from(text, 'latin1');
  const place = Math.floor((at / 256) * bytes.length);
  bytes[place] = bytes[place]! ^ by;
  return bytes.toString('latin1');
};
