import { randomBytes } from 'node:crypto';

/** 64 hex digits. Never all digits in the first 12, as Docker does it: a short id must not look like a number. */
export function newId(): string {
  for (;;) {
    const id = randomBytes(32).toString('hex');
    if (/[a-f]/.test(id.slice(0, 12))) return id;
  }
}

export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}

/** What Docker takes as a container or volume name. */
export const NAME_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
