/** A build as the classic API asks for it. */
import type { BuildClient } from './build-client.ts';
import type { ContextSource } from './context-source.ts';
import type { RegistryAuth } from './registry.ts';
import type { ResourceSpec } from './resources.ts';

/** How RUN steps run; what containers have by default where it says nothing. */
export interface StepLimits {
  /** 'default', 'none', 'host', 'container:...' or a network. */
  readonly networkMode: string;
  readonly extraHosts: readonly string[];
  readonly shmSizeBytes: number;
  readonly cgroupParent: string;
  readonly resources: Partial<ResourceSpec>;
}

/** What only this engine's own client sends. */
export interface BuildExtras {
  /** Values by id, for `RUN --mount=type=secret`: never shown, kept, or part of what tells steps apart. */
  readonly secrets: ReadonlyMap<string, Buffer>;
  /** In place of the Dockerfile of the context. */
  readonly dockerfileText: string | undefined;
  /** Further contexts, by their names. Directories are those of the client's session. */
  readonly named: ReadonlyMap<string, ContextSource>;
  /** What is on the client's machine, where it has opened a session. */
  readonly session: OrderSession | undefined;
}

export interface OrderSession {
  /** It knows itself what is to be left out of its directories. */
  readonly client: BuildClient;
  /** The context is its directory 'context', and does not come with the request. */
  readonly hasContext: boolean;
  /** It gets the files that were built, as an archive; the image enters no list. */
  readonly takesFiles: boolean;
}

export interface BuildOrder extends BuildExtras {
  /** An address of an archive, a Dockerfile or a git repository; '' = the context comes with the request. */
  readonly remote: string;
  /** In the context; '' = Dockerfile. */
  readonly dockerfile: string;
  readonly tags: readonly string[];
  readonly args: ReadonlyMap<string, string | undefined>;
  readonly labels: Readonly<Record<string, string>>;
  readonly target: string;
  readonly noCache: boolean;
  readonly pull: boolean;
  readonly platform: string;
  readonly limits: StepLimits;
  readonly cacheFrom: readonly string[];
  readonly remove: boolean;
  readonly forceRemove: boolean;
  /** By the registries' names, as clients write them. */
  readonly auths: ReadonlyMap<string, RegistryAuth>;
}
