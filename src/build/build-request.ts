/** What a build is asked for, by whatever door it came. */
import type { ImageRecord } from '../model/image.ts';
import type { StepLimits } from '../model/build-order.ts';
import type { Platform } from '../model/platform.ts';
import type { RegistryAuth } from '../model/registry.ts';

/** Who may use a socket. */
export interface SocketOwner {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

export interface BuildRequest {
  /** The Dockerfile's text. */
  readonly dockerfile: string;
  /** A directory of the builder's own with the context, asked for when a step needs it; undefined where there is none. */
  readonly context: () => Promise<string | undefined>;
  /** By their names: what FROM and `--from` find in place of an image, or of the stage of that name. */
  readonly contexts: ReadonlyMap<string, NamedContext>;
  /** Names that the image gets. */
  readonly tags: readonly string[];
  readonly args: ReadonlyMap<string, string | undefined>;
  readonly labels: Readonly<Record<string, string>>;
  /** A stage by name or number; '' = the last one. */
  readonly target: string;
  readonly noCache: boolean;
  /** The same of these stages alone, by their names in lower case. */
  readonly noCacheStages: readonly string[];
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
  readonly sshSocket: (id: string, owner: SocketOwner) => Promise<string | undefined>;
  /** For a registry, by its name. */
  readonly auth: (reference: string) => Promise<RegistryAuth | null>;
  /** News of stages come in the order of the file; without it, as things happen. */
  readonly ordered: boolean;
  /** The image enters the lists, under `tags`; without it, it is cache like its steps. */
  readonly publish: boolean;
  /** What is done with the image before, which stays for so long; what this fails with, the build fails with. */
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
