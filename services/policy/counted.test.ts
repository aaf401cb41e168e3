import { expect, test } from 'vitest';
import type { DenialReason } from '../../schemas/generated.ts';
import { happened } from '../runtime/given.ts';
import { createMetrics } from '../runtime/metrics.ts';
import { policyProcessor } from './index.ts';

test('refusals are counted by what was asked and why: access that is not declared, and what is held back, among them', async () => {
  const metrics = createMetrics();
  const subject = { tenant: 'acme', unit: 'support', agent: 'bot', person: 'lead', credential: 'k1', actors: [] };
  const decision = { configurationVersion: 'v1', policies: [], reason: 'so' };
  const denied = (reason: DenialReason) =>
    happened('RequestDenied', {
      subject,
      action: 'tool.call',
      resource: { type: 'tool', id: 'files/read' },
      reason,
      decision,
    });
  const reasons = ['UNDECLARED', 'NOT_APPROVED', 'UNDECLARED', 'RESOURCE_UNKNOWN'] as const;
  for (const reason of reasons) policyProcessor.observe?.(denied(reason), metrics);
  const text = await metrics.registry.metrics();
  const count = (reason: DenialReason) =>
    text
      .split('\n')
      .find((line) => line.startsWith('parley_decisions_total') && line.includes(`reason="${reason}"`))
      ?.replace(/^[^{]*/, '');
  expect([count('UNDECLARED'), count('NOT_APPROVED'), count('RESOURCE_UNKNOWN')]).toEqual([
    '{action="tool.call",outcome="denied",reason="UNDECLARED"} 2',
    '{action="tool.call",outcome="denied",reason="NOT_APPROVED"} 1',
    '{action="tool.call",outcome="denied",reason="RESOURCE_UNKNOWN"} 1',
  ]);
});
