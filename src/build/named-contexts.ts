/**
 * `--build-context`: what stands in place of an image that the Dockerfile names, or of one of its stages. Directories and
 * addresses are asked for when they are needed, and once.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { familiarReference, parseReference } from '../model/image-reference.ts';
import { formatPlatform, type Platform } from '../model/platform.ts';
import type { NamedContext } from './build-request.ts';
import { fetchNamedContext } from './context/remote-context.ts';

export class NamedContexts {
  readonly #given: ReadonlyMap<string, NamedContext>;
  readonly #directories = new Map<NamedContext, Promise<string>>();
  readonly #workDirectory: string;

  /** `workDirectory`: for what is fetched. */
  constructor(given: ReadonlyMap<string, NamedContext>, workDirectory: string) {
    this.#given = given;
    this.#workDirectory = workDirectory;
  }

  /** One for this platform before one for all; 'name' and 'name:latest' are the same. */
  find(name: string, platform: Platform): NamedContext | undefined {
    if (this.#given.size === 0) return undefined;
    const plain = plainName(name);
    if (plain === undefined) return undefined;
    return this.#given.get(`${plain}::${formatPlatform(platform)}`) ?? this.#given.get(plain);
  }

  /** Its files; undefined where they are an image's. Errors are the same for all who ask. */
  async directory(context: NamedContext, signal: AbortSignal): Promise<string | undefined> {
    if (context.kind === 'image') return undefined;
    let opened = this.#directories.get(context);
    if (!opened) {
      opened = context.kind === 'directory' ? context.open() : this.#fetch(context.address, signal);
      this.#directories.set(context, opened);
    }
    return await opened;
  }

  async #fetch(address: string, signal: AbortSignal): Promise<string> {
    const directory = join(this.#workDirectory, randomBytes(8).toString('hex'));
    mkdirSync(directory, { mode: 0o755 });
    await fetchNamedContext(address, directory, signal);
    return directory;
  }
}

/** Undefined where no context can have that name. */
function plainName(name: string): string | undefined {
  try {
    return familiarReference(parseReference(name)).replace(/:latest$/, '');
  } catch {
    return undefined;
  }
}
