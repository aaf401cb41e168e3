import { Counter, Gauge, Histogram, Registry } from 'prom-client';

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/** What the mesh counts, in Prometheus' naming conventions. Each is counted by the service that states the event. */
export const createMetrics = () => {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    requests: new Counter({
      name: 'parley_requests_total',
      help: 'Requests answered by an inbound edge',
      labelNames: ['protocol', 'status'],
      registers,
    }),
    requestsInFlight: new Gauge({
      name: 'parley_requests_in_flight',
      help: 'Requests that an inbound edge has accepted and not answered',
      labelNames: ['protocol'],
      registers,
    }),
    requestDuration: new Histogram({
      name: 'parley_request_duration_seconds',
      help: 'From the request read to its answer written',
      labelNames: ['protocol', 'streaming'],
      buckets: seconds,
      registers,
    }),
    timeToFirstByte: new Histogram({
      name: 'parley_time_to_first_byte_seconds',
      help: 'From the request read to the first byte of its answer written',
      labelNames: ['protocol', 'streaming'],
      buckets: seconds,
      registers,
    }),
    decisions: new Counter({
      name: 'parley_decisions_total',
      help: 'Decisions of policy',
      labelNames: ['action', 'outcome', 'reason'],
      registers,
    }),
    dispatches: new Counter({
      name: 'parley_dispatches_total',
      help: 'Dispatches of routing',
      labelNames: ['target', 'kind'],
      registers,
    }),
    attemptsFailed: new Counter({
      name: 'parley_attempts_failed_total',
      help: 'Attempts that failed at a target',
      labelNames: ['target', 'reason'],
      registers,
    }),
    breakerOpen: new Gauge({
      name: 'parley_breaker_open',
      help: '1 while a target is held back',
      labelNames: ['target'],
      registers,
    }),
    usage: new Counter({
      name: 'parley_usage_total',
      help: 'Units used, by meter, e.g. input_tokens',
      labelNames: ['meter', 'resource', 'unit'],
      registers,
    }),
    cost: new Counter({
      name: 'parley_cost_total',
      help: 'Cost of what was used, in the currency of the label',
      labelNames: ['currency', 'resource', 'unit'],
      registers,
    }),
    taskTransitions: new Counter({
      name: 'parley_task_transitions_total',
      help: 'Statuses that agents gave to tasks, by the state that the task is in with it',
      labelNames: ['agent', 'state'],
      registers,
    }),
    reportsRefused: new Counter({
      name: 'parley_reports_refused_total',
      help: 'What agents said of tasks, or asked for in their course, that was not taken',
      labelNames: ['agent', 'reason'],
      registers,
    }),
    consumerLag: new Gauge({
      name: 'parley_consumer_lag_records',
      help: 'Records of a partition that the group has not been handed',
      labelNames: ['group', 'topic', 'partition'],
      registers,
    }),
    hop: new Histogram({
      name: 'parley_hop_seconds',
      help: 'From an event being stated to it being handed to a service',
      labelNames: ['service', 'type'],
      buckets: seconds,
      registers,
    }),
    deadLetters: new Counter({
      name: 'parley_dead_letters_total',
      help: 'Records that a service could never process',
      labelNames: ['service', 'topic'],
      registers,
    }),
  };
};

export type Metrics = ReturnType<typeof createMetrics>;
