/**
 * Records what dockerd 28.5 tells of the operations, into docker-28.5.json: what our engine is held to.
 *
 *   node --import tsx test/compat/event-sequence/record.ts SOCKET      of a dockerd 28.5 without images
 */
import { writeFileSync } from 'node:fs';
import { playOperations } from './sequence.ts';

// Two seconds after the last event of an operation no other is expected of it.
const sequence = await playOperations(process.argv[2]!, () => Infinity, 2000);
writeFileSync(new URL('docker-28.5.json', import.meta.url), `${JSON.stringify(sequence, undefined, 1)}\n`);
