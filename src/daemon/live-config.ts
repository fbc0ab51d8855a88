/**
 * The configuration as it is now. Parts of the engine that follow a reload hold an object whose fields are read from
 * here whenever they are used.
 */
import type { RegistryOptions } from '../image/registry/registry-options.ts';
import { wantsColor } from '../base/colors.ts';
import type { LogSettings } from '../base/log.ts';
import type { DaemonConfig } from './config-shape.ts';

export class LiveConfig {
  #current: DaemonConfig;

  constructor(config: DaemonConfig) {
    this.#current = config;
  }

  get current(): DaemonConfig {
    return this.#current;
  }

  replace(config: DaemonConfig): void {
    this.#current = config;
  }

  /** An object of which each field is what `read` finds then. */
  follow<T extends object>(read: (config: DaemonConfig) => T): T {
    let of = this.#current;
    let values = read(of);
    const now = (): T => {
      if (of !== this.#current) values = read((of = this.#current));
      return values;
    };
    const fields = Object.keys(values).map((name) => [
      name,
      { get: () => (now() as Record<string, unknown>)[name], enumerable: true },
    ]);
    return Object.defineProperties({}, Object.fromEntries(fields) as PropertyDescriptorMap) as T;
  }

  registries(): RegistryOptions {
    return this.follow((config) => ({
      insecureRegistries: config.insecureRegistries,
      mirrors: config.mirrors,
      maxConcurrentDownloads: config.maxConcurrentDownloads,
      maxConcurrentUploads: config.maxConcurrentUploads,
      maxDownloadAttempts: config.maxDownloadAttempts,
    }));
  }

  /** How the daemon logs; `atTerminal`: somebody looks at it. */
  logging({ atTerminal }: { readonly atTerminal: boolean }): LogSettings {
    const unsaid = !atTerminal ? 'json' : wantsColor(process.env) ? 'coloured sentences' : 'sentences';
    return this.follow((config) => ({ level: config.logLevel, format: config.logFormat ?? unsaid }));
  }
}
