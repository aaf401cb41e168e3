import { PROTOCOL } from '../../runtime/mcp/message.ts';
import type { ServiceContext } from '../../runtime/service.ts';
import { traceIdOf } from '../../runtime/tracing.ts';
import type { Visit } from './visit.ts';

/** Counts and logs a request from here to its end. */
export const account = ({ logger, metrics }: Pick<ServiceContext, 'logger' | 'metrics'>, visit: Visit): void => {
  const { request, response, caller, endpoint, said } = visit;
  const started = performance.now();
  metrics.requestsInFlight.inc({ protocol: PROTOCOL });
  response.once('close', () => {
    const seconds = (performance.now() - started) / 1_000;
    /** 499 where nobody was told anything, as nginx has it. */
    const status = response.headersSent ? response.statusCode : 499;
    const streaming = String(response.getHeader('content-type') ?? '').startsWith('text/event-stream');
    metrics.requestsInFlight.dec({ protocol: PROTOCOL });
    metrics.requests.inc({ protocol: PROTOCOL, status });
    metrics.requestDuration.observe({ protocol: PROTOCOL, streaming: String(streaming) }, seconds);
    const isCall = said.name !== '';
    logger[isCall ? 'info' : 'debug'](
      {
        conversation: visit.contextId,
        request: visit.requestId,
        trace: traceIdOf(visit.traceparent),
        credential: caller.credential.id,
        protocol: PROTOCOL,
        endpoint,
        http: request.method,
        method: said.method,
        name: said.name.slice(0, 256),
        streaming,
        status,
        ended: said.ended,
        ms: Math.round(seconds * 1_000),
      },
      'call',
    );
  });
};
