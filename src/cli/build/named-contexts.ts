/** --build-context NAME=VALUE: a directory here, an image, or an address; what the daemon is told, and what it may ask for. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { familiarReference, parseReference } from '../../model/image-reference.ts';
import { StatusError } from '../command/status-error.ts';
import { realPath } from './real-path.ts';

export interface NamedContexts {
  /** As BuildKit's clients say it. */
  readonly values: Readonly<Record<string, string>>;
  /** Absolute, by the names of their contexts. */
  readonly directories: ReadonlyMap<string, string>;
}

const ADDRESS = /^(https?:\/\/|git:\/\/|git@|ssh:\/\/|github\.com\/)/;

/** @throws StatusError */
export function readNamedContexts(words: readonly string[]): NamedContexts {
  const values: Record<string, string> = {};
  const directories = new Map<string, string>();
  for (const word of words) {
    const equals = word.indexOf('=');
    if (equals < 0) throw new StatusError(`invalid context value: ${word}, expected key=value`);
    const [name, value] = [plainName(word.slice(0, equals)), word.slice(equals + 1)];
    // Where a name is given twice, the last one counts.
    directories.delete(name);
    if (value.startsWith('docker-image://') || ADDRESS.test(value)) values[name] = value;
    else if (value.startsWith('oci-layout://'))
      throw new StatusError(`OCI layouts are no contexts here (${word}): load it as an image and name that`);
    else if (value.startsWith('target:'))
      throw new StatusError(`targets of other builds are no contexts here (${word})`);
    else {
      values[name] = `local:${name}`;
      directories.set(name, directoryOf(name, value));
    }
  }
  return { values, directories };
}

/** As the builder knows it; it may end in '::PLATFORM'. */
function plainName(text: string): string {
  const [name = '', ...platform] = text.split('::');
  try {
    return [familiarReference(parseReference(name)).replace(/:latest$/, ''), ...platform].join('::');
  } catch (error) {
    throw new StatusError(`invalid context name ${name}: ${(error as Error).message}`);
  }
}

function directoryOf(name: string, value: string): string {
  let path: string;
  try {
    path = realPath(resolve(value));
  } catch (error) {
    throw new StatusError(`failed to get build context ${name}: ${(error as Error).message}`);
  }
  if (statSync(path).isDirectory()) return path;
  throw new StatusError(`failed to get build context ${name}: ${path} is no directory`);
}
