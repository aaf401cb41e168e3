import { processorService } from '../runtime/processor.ts';
import { meteringProcessor } from './metering.ts';

/** What did it use, and what did it cost? */
export const metering = processorService(meteringProcessor);
