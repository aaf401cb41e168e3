/** Performs one call to an upstream. All that can go wrong with it ends as a value, never as an exception. */

import { Aborted, type Fault, faultOf, faultOfError, Stop } from '../../runtime/outbound/faults.ts';
import { BrokenStream } from '../openai/sse.ts';
import { begin, type Exchange, exchanged, failed } from './exchange.ts';
import { outgoingFor } from './outgoing.ts';
import type { Call, Performed } from './performed.ts';
import { createBodyReader } from './upstream-body.ts';

const SERVER = "the model's server";

const faultOfAny = (exchange: Exchange, error: unknown): Fault => {
  const { signal } = exchange.controller;
  const { repeatable } = exchange.call.request;
  // Whatever undici made of it: where the call was ended here, that is why.
  if (signal.aborted && signal.reason instanceof Stop) return faultOfError(SERVER, signal.reason, true, repeatable);
  if (error instanceof BrokenStream)
    return faultOf('BAD_RESPONSE', `The model's server sent a broken stream: ${error.message}.`, repeatable);
  // A RangeError of a JSON nested beyond the stack, and whatever else an answer may do to those who read it.
  if (exchange.sent && (error instanceof RangeError || error instanceof TypeError || error instanceof SyntaxError))
    return faultOf('BAD_RESPONSE', "The answer of the model's server could not be read.", repeatable);
  return faultOfError(SERVER, error, exchange.sent, repeatable);
};

const abortedAs = (reason: unknown): Aborted =>
  reason instanceof Aborted ? reason : new Aborted('CANCELLED', 'The call was ended.');

/**
 * Calls the target. Yields the chunks of a stream as they come, then exactly one `completed` or `failed`; never throws.
 * The consumer's pace is the upstream's: nothing is read while it does not ask for more.
 */
export async function* perform(call: Call): AsyncGenerator<Performed> {
  let exchange: Exchange | undefined;
  try {
    const outgoing = outgoingFor(call);
    if ('failure' in outgoing) return yield await failed(undefined, outgoing);
    exchange = begin(call, outgoing);
  } catch (error) {
    const unreadable = error instanceof SyntaxError || error instanceof RangeError;
    const fault = unreadable
      ? faultOf('REQUEST_REFUSED', 'The request is not valid JSON.', false, { status: 400 })
      : faultOfError(SERVER, error, false, call.request.repeatable);
    return yield await failed(undefined, fault);
  }
  const { controller } = exchange;
  const abort = () => controller.abort(abortedAs(call.signal.reason));
  call.signal.addEventListener('abort', abort, { once: true });
  const body = createBodyReader(call.connection, controller, call.now);
  try {
    if (call.signal.aborted) abort();
    controller.signal.throwIfAborted();
    yield* exchanged(exchange, body);
  } catch (error) {
    yield await failed(exchange, faultOfAny(exchange, error));
  } finally {
    call.signal.removeEventListener('abort', abort);
    body.close();
  }
}
