/** Asks before something is destroyed. */
import { createInterface } from 'node:readline/promises';
import { print } from './output.ts';

export async function confirm(question: string): Promise<boolean> {
  print(`${question} [y/N] `);
  const lines = createInterface({ input: process.stdin });
  try {
    for await (const line of lines) return line.trim().toLowerCase() === 'y';
    return false;
  } finally {
    lines.close();
  }
}
