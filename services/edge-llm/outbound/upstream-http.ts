import { type Dispatcher, request } from 'undici';
import { noticing } from '../../runtime/outbound/noticing.ts';

/** Sends a request. Time is the caller's: undici's own timers are off. @param sent called when any of it may be under way. */
export const post = (
  { url, headers, body }: { url: URL; headers: Record<string, string>; body: Buffer },
  dispatcher: Dispatcher,
  signal: AbortSignal,
  sent: () => void,
): Promise<Dispatcher.ResponseData> =>
  request(url, {
    dispatcher: dispatcher.compose(noticing(sent)),
    method: 'POST',
    headers,
    body,
    signal,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
