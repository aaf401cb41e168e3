import { expect, test } from 'vitest';
import type { AnyRecorded } from '../services/runtime/log.ts';
import { inOrder, Timeline, tell } from './timeline.ts';
import {
  artifactUpdate,
  BEGUN,
  begin,
  beginTurn,
  complete,
  deny,
  dispatch,
  end,
  json,
  message,
  progress,
  report,
  request,
  Story,
  statusUpdate,
  subject,
  submitted,
} from './timeline-given.ts';

process.env.TZ = 'UTC';
const DESK_TASK = '01a1fec5-0000-7000-8000-00000000000a';
const PLAN_TASK = '01a1fec5-0000-7000-8000-00000000000b';
const HOTEL_TASK = '01a1fec5-0000-7000-8000-00000000000c';
const BANK_TASK = '01a1fec5-0000-7000-8000-00000000000d';

const desk = request('r1', subject('bot'), ['agent.send', 'desk'], 'Plan a weekend in Rome.', { taskId: DESK_TASK });
const planner = request('r2', subject('desk', 'bot'), ['agent.send', 'planner'], 'Rome, two days.', {
  taskId: PLAN_TASK,
  parentTaskId: DESK_TASK,
});
const asPlanner = { ...subject('planner', 'bot', 'desk'), credential: 'log' };
const nested = (number: number, what: Parameters<typeof request>[2], text: string, taskId = '') =>
  request(`agent/planner/${PLAN_TASK}/${number}`, asPlanner, what, text, { taskId, parentTaskId: PLAN_TASK });
const model = nested(0, ['model.chat', 'small'], 'What is in Rome?');
const hotels = nested(1, ['agent.send', 'hotels'], 'Two nights in Rome.', HOTEL_TASK);
const bank = nested(2, ['agent.send', 'bank'], 'Pay for it.', BANK_TASK);
const colosseum = json({ choices: [{ message: { role: 'assistant', content: 'The Colosseum.' } }] });

const called = (story: Story, after: number, { id, action, resource, protocol, message }: typeof model) => {
  const call = { taskId: PLAN_TASK, agent: 'planner', callId: id.slice(-1), action, resource, protocol, message };
  story.say(after, 'r2', 'CallReported', { ...call, deadline: 0, repeatable: true, streaming: false });
};

const plan = (story: Story) => {
  const ofPlan = { taskId: PLAN_TASK, agent: 'planner' };
  dispatch(story, 200, planner);
  begin(story, 210, planner);
  called(story, 300, model);
  dispatch(story, 305, model);
  complete(story, [310, 800], model, colosseum, { input_tokens: 12, output_tokens: 3 });
  progress(story, 820, planner, [2, 'WORKING'], statusUpdate(PLAN_TASK, 'WORKING', 'I look for a hotel.'));
  called(story, 830, hotels);
  dispatch(story, 835, hotels);
  beginTurn(story, 845, hotels, submitted(HOTEL_TASK));
  complete(story, [845, 1_200], hotels, json({ message: message('AGENT', 'The Excelsior has a room.') }));
  called(story, 1_210, bank);
  deny(story, 1_215, bank);
  progress(
    story,
    1_300,
    planner,
    [3, 'WORKING'],
    artifactUpdate(PLAN_TASK, 'itinerary', 'Day 1: the Colosseum.\nDay 2: rest.'),
  );
  const again = report(story, 1_310, planner, statusUpdate(PLAN_TASK, 'SUBMITTED'), 'an id of the agent');
  const why = 'The task is working: it cannot be submitted again.';
  const refusal = { ...ofPlan, reason: 'ILLEGAL_TRANSITION' as const, message: why, callId: '' };
  story.say(1_311, 'an id of the agent', 'ReportRefused', refusal, again);
  const slept = { ...ofPlan, timerId: '4', at: BEGUN + 61_320 };
  const asked = story.say(1_320, 'r1', 'SleepReported', slept);
  // An agent can say that it follows from any request.
  story.say(1_321, 'r1', 'TimerSet', { ...slept, purpose: 'SLEEP' }, asked);
  story.say(61_325, 'r1', 'TimerFired', { ...ofPlan, timerId: '4', purpose: 'SLEEP' });
};

/** A person asks a front agent over HTTP, which asks a planner on the log; the person cancels before the plan is ready. */
const weekend = (): AnyRecorded[] => {
  const story = new Story();
  dispatch(story, 0, desk);
  const target = { id: 'a2a/desk', connection: 'agent:desk', name: 'desk' };
  story.say(5, 'r1', 'AttemptBegun', { target, attempt: 1 });
  begin(story, 90, desk);
  plan(story);
  const cancel = { agent: 'desk', taskId: DESK_TASK, subject: subject('bot'), reason: 'the plans have changed' };
  const asked = story.say(70_000, 'a cancellation', 'TaskCancelRequested', cancel);
  const inner = { ...cancel, taskId: PLAN_TASK, agent: 'planner' };
  story.say(70_001, 'a cancellation', 'TaskCancelRequested', inner, asked);
  end(story, [210, 70_010], planner, [4, 'CANCELED'], 'Stopped.');
  end(story, [5, 70_100], desk, [2, 'CANCELED'], 'The desk is closed.');
  const pushed = { taskId: DESK_TASK, configurationId: 'phone', sequence: 2, attempts: 2 };
  story.say(70_200, 'r1', 'PushDelivered', pushed);
  return story.events;
};

const told = (events: readonly AnyRecorded[]) => {
  const timeline = new Timeline();
  return [...tell(events, timeline), ...timeline.summary()].join('\n');
};

test('a conversation across agents is one tree, from the person who is accountable down to the last call', () => {
  expect(told(weekend())).toBe(`
#1  15:06:33.120  agent.send desk, asked by bot for lead@acme.example (travel, acme; key-1)
       +0 ms  received        a2a, “Plan a weekend in Rome.” (115 B)
       +2 ms  permitted       permitted by all, under configuration v1
       +4 ms  dispatched      attempt 1 at a2a/desk: the only one
       +5 ms  begun           attempt 1 at a2a/desk, not safe to repeat
      +91 ms  task            01a1fec5-0000-7000-8000-00000000000a of desk, submitted
      +91 ms  deadline        until 2026-11-21 16:06:33.120
  #2  15:06:33.320  agent.send planner, asked by bot → desk for lead@acme.example (travel, acme; key-1)
         +0 ms  received        a2a, “Rome, two days.” (99 B)
         +2 ms  permitted       permitted by all, under configuration v1
         +4 ms  dispatched      attempt 1 at a2a/planner: the only one
        +11 ms  task            01a1fec5-0000-7000-8000-00000000000b of planner, submitted
        +11 ms  deadline        until 2026-11-21 16:06:33.120
    #3  15:06:33.425  model.chat small, asked by bot → desk → planner for lead@acme.example (travel, acme; log)
           +0 ms  received        openai.chat, 1 message, user: “What is in Rome?” (59 B)
           +2 ms  permitted       permitted by all, under configuration v1
           +4 ms  dispatched      attempt 1 at openai/small: the only one
         +495 ms  completed       200 from openai/small, first byte after 490 ms, “The Colosseum.” (73 B)
         +496 ms  used            12 input_tokens, 3 output_tokens, 0.000123 USD by the prices of v1
  #2   +621 ms  task            working: “I look for a hotel.”
    #4  15:06:33.955  agent.send hotels, asked by bot → desk → planner for lead@acme.example (travel, acme; log)
           +0 ms  received        a2a, “Two nights in Rome.” (107 B)
           +2 ms  permitted       permitted by all, under configuration v1
           +4 ms  dispatched      attempt 1 at a2a/hotels: the only one
          +11 ms  deadline        until 2026-11-21 16:06:33.120
         +365 ms  turn ended      a2a/hotels after 355 ms, “The Excelsior has a room.” (120 B)
         +366 ms  used            nothing that is counted, 0.000000 USD by the prices of v1
    #5  15:06:34.335  agent.send bank, asked by bot → desk → planner for lead@acme.example (travel, acme; log)
           +0 ms  received        a2a, “Pay for it.” (91 B)
           +2 ms  denied          POLICY: no policy permits it, under configuration v1
  #2   +1.10 s  artifact        itinerary: “Day 1: the Colosseum. Day 2: rest.”
       +1.11 s  not taken       planner said task submitted: ILLEGAL_TRANSITION, The task is working: it cannot be submitted again.
       +1.12 s  sleeps          until 2026-11-21 15:07:34.440
    +1 min 1 s  woken
    +1 min 9 s  cancel asked    by bot for lead@acme.example: the plans have changed
    +1 min 9 s  task            canceled: “Stopped.”
    +1 min 9 s  turn ended      a2a/planner after 1 min 9 s, 3 agent_updates
    +1 min 9 s  used            3 agent_updates, 0.000000 USD by the prices of v1
#1 +1 min 10 s  cancel asked    by bot for lead@acme.example: the plans have changed
 +1 min 10 s  task            canceled: “The desk is closed.”
 +1 min 10 s  turn ended      a2a/desk after 1 min 10 s, 1 agent_updates
 +1 min 10 s  used            1 agent_updates, 0.000000 USD by the prices of v1
 +1 min 10 s  pushed          update 2 to phone, attempt 2

5 requests (2 cancelled, 2 served, 1 denied) in 1 min 10 s, from 2026-11-21 15:06:33.120 on
4 agent.send, 1 model.chat; by bot, desk, planner, hotels for lead@acme.example
4 agent_updates, 12 input_tokens, 3 output_tokens, 0.000123 USD`);
});

/** Number and indent of each request, in the order they are told. */
const shape = (text: string) => text.match(/^ *#\d+ {2}(?=\d)/gm)?.map((head) => head.trimEnd());

test('what an agent asked is below its task whatever the clocks say', () => {
  const behind = weekend().map((event) =>
    event.correlationId === 'r1' ? { ...event, time: event.time + 5_000 } : event,
  );
  expect(shape(told(behind.toReversed()))).toEqual(['#1', '  #2', '    #3', '    #4', '    #5']);
});

test('live, a line that goes back to another request of the tree has its indent and number', () => {
  const story = new Story();
  dispatch(story, 0, desk);
  begin(story, 10, desk);
  dispatch(story, 20, planner);
  begin(story, 30, planner);
  dispatch(story, 40, model);
  progress(story, 50, desk, [2, 'WORKING'], statusUpdate(DESK_TASK, 'WORKING'));
  complete(story, [45, 60], model, colosseum);
  dispatch(story, 70, request('r9', subject('bot'), ['model.chat', 'small'], 'Hello.'));
  end(story, [30, 80], planner, [2, 'COMPLETED'], 'Done.');
  const timeline = new Timeline();
  const lines = inOrder(story.events).flatMap((event) => timeline.add(event));
  const from = lines.findIndex((line) => line.includes('model.chat'));
  expect(lines.slice(from).map((line) => line.slice(0, 50).trimEnd())).toEqual([
    '    #3  15:06:33.160  model.chat small, asked by b',
    '           +0 ms  received        openai.chat, 1 m',
    '           +2 ms  permitted       permitted by all',
    '           +4 ms  dispatched      attempt 1 at ope',
    '#1    +51 ms  task            working',
    '    #3    +20 ms  completed       200 from openai/',
    '          +21 ms  used            nothing that is',
    '',
    '#4  15:06:33.190  model.chat small, asked by bot f',
    '       +0 ms  received        openai.chat, 1 messa',
    '       +2 ms  permitted       permitted by all, un',
    '       +4 ms  dispatched      attempt 1 at openai/',
    '',
    '  #2  15:06:33.140  request r2',
    '        +61 ms  task            completed: “Done.”',
    '        +61 ms  turn ended      a2a/planner after',
    '        +62 ms  used            1 agent_updates, 0',
  ]);
});

test('what is asked after another message to the agent is below that message', () => {
  const story = new Story();
  dispatch(story, 0, desk);
  begin(story, 10, desk);
  end(story, [5, 20], desk, [2, 'INPUT_REQUIRED'], 'Which city?');
  const answer = request('r9', subject('bot'), ['agent.send', 'desk'], 'Rome.', { taskId: DESK_TASK });
  dispatch(story, 1_000, answer);
  beginTurn(story, 1_010, answer, json({ message: message('USER', 'Rome.') }));
  const during = { parentTaskId: DESK_TASK };
  dispatch(story, 1_020, request('r10', subject('desk', 'bot'), ['model.chat', 'small'], 'Rome?', during));
  expect(shape(told(story.events))).toEqual(['#1', '#2', '  #3']);
});

test('a task that failed is no success', () => {
  const story = new Story();
  dispatch(story, 0, desk);
  begin(story, 10, desk);
  end(story, [5, 20], desk, [2, 'FAILED'], 'No.');
  expect(told(story.events)).toContain('1 request (1 failed)');
});

test('an update that cannot be read is told of as such', () => {
  const story = new Story();
  dispatch(story, 0, desk);
  progress(story, 20, desk, [1, 'WORKING'], Buffer.from('{"task":'));
  expect(told(story.events)).toContain(`task            ${DESK_TASK} of desk: TASK_STATE_WORKING (update 1)`);
});
