/**
 * One trace across every topic: each event carries a W3C traceparent in its headers, and each hop is a child of the one
 * before. Spans are exported (OTLP) when the standard OTEL_EXPORTER_OTLP_* variables are set; the trace context travels
 * either way.
 *
 * @opentelemetry/instrumentation-kafkajs is not used: it writes traceparent when a batch is sent, from whatever context is
 * active then, and a group commit carries the events of many traces.
 */
import { type Attributes, context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { randomHex } from './event.ts';

export interface Tracing {
  /**
   * Starts a span under a traceparent (empty: a new trace). The second value is the traceparent to hand on.
   * The caller ends the span; without an exporter it costs nothing.
   */
  start(
    name: string,
    parent: string,
    kind: 'server' | 'client' | 'consumer',
    attributes?: Attributes,
  ): { traceparent: string; end(error?: string, attributes?: Attributes): void };
}

/** An id of zeros is none (W3C Trace Context, 3.2.2). */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}$/;

/** A new traceparent, sampled (W3C Trace Context, level 1). */
export const newTraceparent = (): string => `00-${randomHex(16)}-${randomHex(8)}-01`;

/** What a caller sent, when it is a traceparent; a new one otherwise. */
export const acceptTraceparent = (header: string | undefined): string =>
  header !== undefined && TRACEPARENT.test(header) ? header : newTraceparent();

/** The trace id of a traceparent, for logs; empty where there is none. */
export const traceIdOf = (traceparent: string): string => TRACEPARENT.exec(traceparent)?.[1] ?? '';

/** Hands the context on and records nothing. */
export const withoutExporter: Tracing = {
  start: (_name, parent) => ({ traceparent: parent || newTraceparent(), end: () => {} }),
};

const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, consumer: SpanKind.CONSUMER };

const finish = (span: Span, error: string | undefined, attributes: Attributes | undefined) => {
  if (attributes) span.setAttributes(attributes);
  if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
  span.end();
};

const withExporter: Tracing = {
  start: (name, parent, kind, attributes) => {
    const above = propagation.extract(context.active(), { traceparent: parent });
    const span = trace.getTracer('parley').startSpan(name, { kind: kinds[kind], attributes: attributes ?? {} }, above);
    const carrier: { traceparent?: string } = {};
    propagation.inject(trace.setSpan(above, span), carrier);
    return { traceparent: carrier.traceparent ?? parent, end: (error, more) => finish(span, error, more) };
  },
};

/** Whether the standard variables ask for traces to be exported. */
const wanted = (env: NodeJS.ProcessEnv) =>
  env.OTEL_SDK_DISABLED !== 'true' &&
  (env.OTEL_TRACES_EXPORTER ?? 'otlp') !== 'none' &&
  (env.OTEL_EXPORTER_OTLP_ENDPOINT ?? env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) !== undefined;

/** Starts the OpenTelemetry SDK when the standard variables are set. */
export const startTracing = async (env: NodeJS.ProcessEnv): Promise<{ tracing: Tracing; stop(): Promise<void> }> => {
  if (!wanted(env)) return { tracing: withoutExporter, stop: async () => {} };
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const sdk = new NodeSDK({ serviceName: env.OTEL_SERVICE_NAME ?? 'parley' });
  sdk.start();
  return { tracing: withExporter, stop: () => sdk.shutdown() };
};
