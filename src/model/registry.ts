/** What is exchanged with those who talk to registries: credentials, progress, and what a name stands for there. */
import type { Platform } from './platform.ts';

export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
  readonly identityToken: string;
  readonly registryToken: string;
  readonly serverAddress: string;
}

/** Docker's own progress messages (jsonmessage), which every client knows how to draw. */
export interface ProgressMessage {
  readonly status?: string;
  readonly id?: string;
  readonly stream?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly aux?: unknown;
}

export type ReportProgress = (message: ProgressMessage) => void;

export interface Distribution {
  readonly descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number };
  readonly platforms: readonly Platform[];
}
