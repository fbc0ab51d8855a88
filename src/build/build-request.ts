/** What a build is asked for, by whatever door it came. */
import type { ImageRecord } from '../model/image.ts';
import type { StepLimits } from '../model/build-order.ts';
import type { Platform } from '../model/platform.ts';
import type { RegistryAuth } from '../model/registry.ts';

export interface BuildRequest {
  /** The Dockerfile's text. */
  readonly dockerfile: string;
  /** A directory of the builder's own with the context; undefined where there is none. */
  readonly context: string | undefined;
  /** By their names: what FROM and `--from` find in place of an image, or of the stage of that name. */
  readonly contexts: ReadonlyMap<string, NamedContext>;
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
  /** News of stages come in the order of the file; without it, as things happen. */
  readonly ordered: boolean;
  /** The image enters the lists, under `tags`; without it, it is cache like its steps. */
  readonly publish: boolean;
  /** What else is done with the image, which stays for so long. */
  readonly use?: (image: ImageRecord) => Promise<void>;
}

/** `docker build --build-context NAME=...`: NAME may have a tag, and end in '::PLATFORM'. */
export type NamedContext =
  /** Asked for its files at most once, and only if the build needs them; the directory is the caller's. */
  | { readonly kind: 'directory'; readonly open: () => Promise<string> }
  /** A name or an id. */
  | { readonly kind: 'image'; readonly reference: string }
  /** Of an archive, a file, or a git repository. */
  | { readonly kind: 'remote'; readonly address: string };
