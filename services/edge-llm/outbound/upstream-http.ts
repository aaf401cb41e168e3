import { type Dispatcher, request } from 'undici';

/** Tells when the request is put on a connection: before that nothing of it can have reached the upstream. */
const noticing =
  (sent: () => void): Dispatcher.DispatcherComposeInterceptor =>
  (dispatch) =>
  (options, handler) =>
    dispatch(options, {
      onRequestStart: (controller, context) => {
        sent();
        handler.onRequestStart?.(controller, context);
      },
      onRequestUpgrade: (...given) => handler.onRequestUpgrade?.(...given),
      onResponseStart: (...given) => handler.onResponseStart?.(...given),
      onResponseData: (...given) => handler.onResponseData?.(...given),
      onResponseEnd: (...given) => handler.onResponseEnd?.(...given),
      onResponseError: (...given) => handler.onResponseError?.(...given),
    });

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
