/** Test support: what a processor does, as a sentence of events. `given(policy, [configured]).when(received).then([permitted])` */
import { deepStrictEqual } from 'node:assert';
import { type EventData, type EventType, topicOfEvent } from '../../topics/index.ts';
import type { AnyRecorded, Recorded } from './log.ts';
import type { Folded, Processor, Statement } from './processor.ts';

let count = 0;

/** An event as the log would have it, in partition 0 of its topic unless `attributes` say otherwise. */
export const happened = <T extends EventType>(
  type: T,
  data: EventData[T],
  attributes: Partial<Recorded<T>> = {},
): Recorded<T> & { type: T } => {
  const offset = ++count;
  return {
    id: `event-${offset}`,
    type,
    source: 'test',
    key: 'context',
    time: offset,
    correlationId: 'request',
    causationId: '',
    traceparent: '',
    data,
    topic: topicOfEvent(type, data),
    partition: 0,
    offset,
    value: Buffer.alloc(0),
    raw: { key: null, value: null, headers: {} },
    ...attributes,
  };
};

/** Folds `events`; `when` decides on one more; `then` compares what is stated. @throws AssertionError when it differs. */
export const given = <S, In extends EventType, Out extends EventType>(
  processor: Processor<S, In, Out>,
  events: readonly AnyRecorded[],
) => ({
  when: (event: AnyRecorded<In>) => {
    const state = events.reduce((state, past) => processor.evolve(state, past as Folded), processor.initialState());
    const statements = processor.decide(event, state);
    return {
      statements,
      // biome-ignore lint/suspicious/noThenProperty: the sentence is worth it, and nobody awaits it.
      then: (expected: readonly Statement<Out>[]) => deepStrictEqual(statements, expected),
    };
  },
});
