/** Smallest inputs that once went wrong, one file a target: they are tried first, for ever. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Finding, Input } from './campaign.ts';

const DIRECTORY = fileURLToPath(new URL('corpus', import.meta.url));

/** JSON has no bytes: those are in base64. */
type Stored = { readonly text: string } | { readonly base64: string } | { readonly json: unknown };

export function storedInputs(): { readonly target: string; readonly inputs: readonly Input[] }[] {
  return readdirSync(DIRECTORY)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => ({ target: targetOf(name), inputs: readStored(join(DIRECTORY, name)).map(fromStored) }));
}

/** Adds a finding's input where it is not there yet. */
export function store(finding: Finding, directory = DIRECTORY): void {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `${finding.target.replaceAll(/[^a-z0-9]+/gi, '-').toLowerCase()}.json`);
  const known = existsSync(path) ? readStored(path) : [];
  const fresh = toStored(finding.input);
  if (known.some((item) => JSON.stringify(item) === JSON.stringify(fresh))) return;
  writeFileSync(path, `${JSON.stringify({ target: finding.target, inputs: [...known, fresh] }, null, 1)}\n`);
}

function readStored(path: string): Stored[] {
  return (JSON.parse(readFileSync(path, 'utf8')) as { inputs: Stored[] }).inputs;
}

function targetOf(name: string): string {
  return (JSON.parse(readFileSync(join(DIRECTORY, name), 'utf8')) as { target: string }).target;
}

function fromStored(stored: Stored): Input {
  if ('base64' in stored) return Buffer.from(stored.base64, 'base64');
  return 'text' in stored ? stored.text : { json: stored.json };
}

function toStored(input: Input): Stored {
  if (Buffer.isBuffer(input)) return { base64: input.toString('base64') };
  return typeof input === 'string' ? { text: input } : { json: (input as { json: unknown }).json };
}
