import { expect, test } from 'vitest';
import { clusterId } from './kafka.ts';

test('a cluster id is what Kafka takes for one, and never looks like an option', () => {
  for (const id of Array.from({ length: 2_000 }, clusterId)) expect(id).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
});
