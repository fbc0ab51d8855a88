/** The part of the daemon's configuration that the engine uses. */
import type { ConfinementDefaults } from '../oci/spec.ts';
import type { Patience } from '../oci/patience.ts';

export interface EngineConfig {
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly defaultRuntime: string;
  readonly runtimeNames: readonly string[];
  /** The host's name: the hostname of containers on the host's network. */
  readonly hostname: string;
  readonly cgroupMode: 'v1' | 'hybrid' | 'v2';
  /** The parent of containers' cgroups, '/causeway'. */
  readonly cgroupParent: string;
  /** docker-init's program on the host, '' when there is none. */
  readonly initPath: string;
  readonly initByDefault: boolean;
  readonly shmSizeBytes: number;
  readonly ipcMode: string;
  readonly cgroupnsMode: string;
  readonly confinement: ConfinementDefaults;
  /** Follow a source that was removed and created again under its name. */
  readonly linksFollowNames: boolean;
  readonly logDriver: string;
  readonly logOptions: Readonly<Record<string, string>>;
  readonly patience: Patience;
}
