/**
 * The devices that CDI specifications define. The directories are looked through each time somebody asks, and only files
 * that have changed are read again: nothing watches them. Of a device that several directories define the last counts;
 * one that is defined twice in the same directory counts nowhere.
 */
import { normalize } from 'node:path';
import { errorMessage, systemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { leadToServed } from '../../kernel/silent-mounts.ts';
import { cdiFiles, type CdiFile } from './cdi-directory.ts';
import type { CdiEdits } from './cdi-shape.ts';
import { parseCdiSpec, type CdiSpec } from './cdi-spec.ts';

export interface CdiListing {
  /** Qualified names, sorted. */
  readonly devices: readonly string[];
  /** In Docker's words, as `info` shows them. */
  readonly warnings: readonly string[];
}

/** A file as it was read last; the error where it could not be. */
interface Known {
  readonly stamp: string;
  readonly spec: CdiSpec | undefined;
  readonly problem: string;
}

interface Found {
  readonly spec: CdiSpec;
  readonly edits: CdiEdits;
  readonly priority: number;
}

interface Picture {
  readonly devices: ReadonlyMap<string, Found>;
  /** By path. */
  readonly errors: ReadonlyMap<string, readonly string[]>;
}

const NO_DIRECTORIES = 'no CDI specification directories specified';

export class CdiRegistry {
  readonly #directories: readonly string[];
  readonly #log: Log;
  #known = new Map<string, Known>();
  /** Those who ask at the same time have one answer. */
  #looking: Promise<Picture> | undefined;

  /** `directories`: the later ones take precedence. */
  constructor(directories: readonly string[], log: Log) {
    this.#directories = directories.map((one) => normalize(one));
    this.#log = log;
  }

  /** Never fails. */
  async list(): Promise<CdiListing> {
    if (this.#directories.length === 0)
      return { devices: [], warnings: [`CDI cache initialization failed: ${NO_DIRECTORIES}`] };
    const { devices, errors } = await this.#look();
    const warnings = [...errors].flatMap(([path, reasons]) =>
      reasons.map((reason) => `CDI: Error associated with spec file ${path}: ${reason}`),
    );
    return { devices: [...devices.keys()].sort(), warnings };
  }

  /** What the devices want, each specification's own first and once. @throws systemError in Docker's words */
  async editsOf(names: readonly string[]): Promise<readonly CdiEdits[]> {
    if (this.#directories.length === 0) throw systemError(`CDI device injection failed: ${NO_DIRECTORIES}`);
    const { devices, errors } = await this.#look();
    const missing = names.filter((name) => !devices.has(name));
    if (missing.length > 0) {
      for (const [path, reasons] of errors)
        this.#log.warn({ path, error: reasons.join('; ') }, 'a CDI specification cannot be used');
      throw systemError(`CDI device injection failed: unresolvable CDI devices ${missing.join(', ')}`);
    }
    const specs = new Set<CdiSpec>();
    return names.flatMap((name) => {
      const { spec, edits } = devices.get(name)!;
      if (specs.has(spec)) return [edits];
      specs.add(spec);
      return [spec.edits, edits];
    });
  }

  #look(): Promise<Picture> {
    this.#looking ??= this.#refresh().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #refresh(): Promise<Picture> {
    const errors = new Map<string, string[]>();
    const complain = (path: string, reason: string) => errors.set(path, [...(errors.get(path) ?? []), reason]);
    const devices = new Map<string, Found>();
    const conflicts = new Set<string>();
    const known = new Map<string, Known>();
    for (const [priority, directory] of this.#directories.entries()) {
      for (const file of this.#filesOf(directory, complain)) {
        const { spec, problem } = await this.#read(file, known);
        if (spec === undefined) complain(file.path, `failed to load CDI Spec ${problem}`);
        for (const [name, edits] of spec?.devices ?? []) {
          const other = devices.get(name);
          if (other?.priority === priority) {
            const reason = `conflicting device ${JSON.stringify(name)} (specs ${JSON.stringify(file.path)}, ${JSON.stringify(other.spec.path)})`;
            for (const path of [file.path, other.spec.path]) complain(path, reason);
            conflicts.add(name);
          } else devices.set(name, { spec: spec!, edits, priority });
        }
      }
    }
    for (const name of conflicts) devices.delete(name);
    this.#known = known;
    return { devices, errors };
  }

  #filesOf(directory: string, complain: (path: string, reason: string) => void): readonly CdiFile[] {
    try {
      if (leadToServed([directory]))
        throw new Error(
          'a file system that another program or host serves is in the way: specifications are not read there',
        );
      return cdiFiles(directory);
    } catch (error) {
      complain(directory, errorMessage(error));
      return [];
    }
  }

  async #read(file: CdiFile, known: Map<string, Known>): Promise<Known> {
    const before = this.#known.get(file.path);
    const now = before?.stamp === file.stamp ? before : await readSpec(file);
    known.set(file.path, now);
    if (now !== before && now.problem !== '')
      this.#log.warn({ path: file.path, error: now.problem }, 'a CDI specification cannot be used');
    return now;
  }
}

async function readSpec(file: CdiFile): Promise<Known> {
  const { path, stamp } = file;
  try {
    return { stamp, spec: await parseCdiSpec(path, file.read()), problem: '' };
  } catch (error) {
    return { stamp, spec: undefined, problem: errorMessage(error) };
  }
}
