import { topicOf } from '../../topics/index.ts';
import { processorService } from '../runtime/processor.ts';
import type { Service } from '../runtime/service.ts';
import { auditProcessor } from './audit.ts';
import { auditedTypes } from './summary.ts';

/** What happened, provably? */
export const audit: Service = {
  name: 'audit',
  reads: [...new Set(auditedTypes.map((type) => topicOf[type]))],
  writes: ['AuditEntry'],
  group: 'audit',
  start: (context) => processorService(auditProcessor(context.log.partitionOf)).start(context),
};
