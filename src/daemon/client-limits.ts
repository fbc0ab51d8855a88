/**
 * How many connections clients of the API may have: descriptors are needed for containers too, and one listener's
 * clients must leave room for those of the others.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { MAX_IDLE } from '../api/idle-connections.ts';

export interface ClientLimits {
  /** Open at once, of one listener. What comes beyond is closed at once. */
  readonly open: number;
  /** Of these, without a request under way. */
  readonly idle: number;
}

/** Half of the process's descriptors are for clients. `listeners`: at least 1. */
export function clientLimits(listeners: number, descriptors = descriptorLimit()): ClientLimits {
  const open = Math.max(16, Math.floor(descriptors / 2 / listeners));
  return { open, idle: Math.min(MAX_IDLE, Math.floor(open / 2)) };
}

/** Infinity where there is none. */
export function descriptorLimit(): number {
  const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return limit === undefined ? Infinity : Number(limit);
}

/** Of this process. */
export const openDescriptors = (): number => readdirSync('/proc/self/fd').length - 1; // one is the listing's own
