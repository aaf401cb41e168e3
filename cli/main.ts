#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// Compiling what it imports is most of what a short command does. Where the directory can't be written, it is done each time.
enableCompileCache(join(import.meta.dirname, '..', '.parley', 'compiled'));
await import('./program.ts');
