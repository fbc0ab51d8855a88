/** What a build is asked for, by whatever door it came. */
import type { StepLimits } from '../model/build-order.ts';
import type { Platform } from '../model/platform.ts';
import type { RegistryAuth } from '../model/registry.ts';

export interface BuildRequest {
  /** The Dockerfile's text. */
  readonly dockerfile: string;
  /** A directory of the builder's own with the context; undefined where there is none. */
  readonly context: string | undefined;
  /** Names that the image gets. */
  readonly tags: readonly string[];
  readonly args: ReadonlyMap<string, string | undefined>;
  readonly labels: Readonly<Record<string, string>>;
  /** A stage by name or number; '' = the last one. */
  readonly target: string;
  readonly noCache: boolean;
  /** Base images are looked for in the registry even if they are here. */
  readonly pull: boolean;
  readonly platform: Platform | undefined;
  readonly limits: StepLimits;
  /** Images whose steps count as cache. */
  readonly cacheFrom: readonly string[];
  /** Containers of steps are removed when the step is done; `forceRemove`: and when it failed. */
  readonly remove: boolean;
  readonly forceRemove: boolean;
  /** What `--mount=type=secret` asks for; undefined where there is none of that name. */
  readonly secret: (id: string) => Promise<Buffer | undefined>;
  /** The socket of an agent for `--mount=type=ssh`. */
  readonly sshSocket: (id: string) => Promise<string | undefined>;
  /** For a registry, by its name. */
  readonly auth: (reference: string) => RegistryAuth | null;
}
