import { expect, test } from 'vitest';
import { type Configuration, noLimits, type ServerConfiguration } from '../../runtime/configuration.ts';
import { createPlaces, enter } from './places.ts';

type Tool = ServerConfiguration['tools'][number];
const limitsOf = (name: string, more: Partial<Tool>): Tool => ({
  name,
  callsInFlight: null,
  callsPerMinute: null,
  resultBytes: null,
  tooLarge: null,
  firstByteTimeoutMs: null,
  idleTimeoutMs: null,
  ...more,
});

const entering = (limits: Partial<ServerConfiguration>) => {
  const places = createPlaces();
  const servers = ['one', 'two'].map((name) => ({
    name,
    connection: name,
    callsInFlight: 100,
    ...noLimits,
    ...limits,
  }));
  const clock = { now: 0 };
  const context = { configuration: () => ({ servers }) as unknown as Configuration, now: () => clock.now };
  const into = (server: string, tool = '') =>
    enter(places, context, { target: { id: server, connection: server, name: server } }, tool);
  return { clock, into, why: (server: string, tool?: string) => into(server, tool).refused?.failure };
};

test('places are counted for each server, and for each tool that has a limit of its own', () => {
  const { into, why } = entering({ callsInFlight: 3, tools: [limitsOf('slow', { callsInFlight: 1 })] });
  const first = into('one', 'slow');
  expect(why('one', 'slow')).toMatchObject({
    reason: 'RATE_LIMITED',
    message: 'As many calls as are allowed are in flight to this tool of the MCP server.',
    retryAfterMs: null,
  });
  expect([into('one', 'other').refused, into('one').refused, into('two', 'slow').refused]).toEqual([null, null, null]);
  expect(why('one', 'other')?.message).toBe('As many calls as are allowed are in flight to the MCP server.');
  first.leave();
  expect(into('one', 'slow').refused).toBeNull();
});

test('a rate is counted for each server and tool, and says when there is room again', () => {
  const { clock, into, why } = entering({ callsPerMinute: 6, tools: [limitsOf('dear', { callsPerMinute: 2 })] });
  for (const tool of ['dear', 'dear', 'cheap']) expect(into('one', tool).refused).toBeNull();
  expect(why('one', 'dear')).toMatchObject({
    reason: 'RATE_LIMITED',
    message: 'As many calls as are allowed in a minute were made of this tool of the MCP server. Try again in 30 s.',
    retryAfterMs: 30_000,
  });
  // The refused one did not count against the server.
  for (const tool of ['cheap', 'cheap', '']) expect(into('one', tool).refused).toBeNull();
  expect(why('one', 'cheap')).toMatchObject({ retryAfterMs: 10_000 });
  expect(into('two', 'dear').refused).toBeNull();
  clock.now = 30_000;
  expect(into('one', 'dear').refused).toBeNull();
});

test('a call that finds no place costs none of the rate', () => {
  const { into, why } = entering({ callsInFlight: 1, callsPerMinute: 2 });
  const first = into('one');
  expect(why('one')).toMatchObject({ retryAfterMs: null });
  first.leave();
  expect(into('one').refused).toBeNull();
});
