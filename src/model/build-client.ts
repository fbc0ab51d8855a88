/**
 * The machine of whoever asks for a build, as the builder sees it: its directories, secrets, logins and agents. All that
 * comes from there is untrusted.
 */
import type { RegistryAuth } from './registry.ts';

/** As Go has it: the kind and permissions in `mode` are those of os.FileMode. Paths and links are bytes (latin1). */
export interface FileStat {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly modTimeNs: bigint;
  readonly linkName: string;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

export type FilePacket =
  | { readonly packet: 'stat'; readonly stat: FileStat }
  /** All stats have been sent. */
  | { readonly packet: 'statsEnd' }
  | { readonly packet: 'request'; readonly id: number }
  /** Without content: the file's end. */
  | { readonly packet: 'data'; readonly id: number; readonly data: Buffer }
  | { readonly packet: 'end' }
  | { readonly packet: 'error'; readonly text: string };

/** Files on their way, in either direction. */
export interface FileTransfer {
  readonly packets: AsyncIterable<FilePacket>;
  send(packet: FilePacket): Promise<void>;
  end(): void;
  cancel(): void;
}

/** Bytes in both directions. */
export interface ByteConnection {
  readonly received: AsyncIterable<Buffer>;
  /** Resolves when there is room for more. */
  send(bytes: Buffer): Promise<void>;
  end(): void;
  cancel(): void;
}

export interface FilesWanted {
  /** As the client knows it: 'context', 'dockerfile' or a name of its own. */
  readonly directory: string;
  /** Only these, and what links among them lead to; empty = all. */
  readonly follow: readonly string[];
  /** As in .dockerignore. */
  readonly exclude: readonly string[];
}

export interface BuildClient {
  /** The same for each build of a directory; '' = nothing is kept. */
  readonly sharedKey: string;
  /** @throws unavailable when the client has gone */
  openFiles(wanted: FilesWanted, signal: AbortSignal): FileTransfer;
  /** Undefined where there is none of that name. */
  secret(id: string, signal: AbortSignal): Promise<Buffer | undefined>;
  /** Null where there is none for that registry. */
  login(host: string, signal: AbortSignal): Promise<RegistryAuth | null>;
  hasAgent(id: string, signal: AbortSignal): Promise<boolean>;
  /** A connection to an agent. */
  openAgent(id: string, signal: AbortSignal): ByteConnection;
  /** Files for a directory of the client's; `exporter` is the number of the result among those asked for. */
  sendFiles(exporter: number, signal: AbortSignal): FileTransfer;
  /** The same of one file. Resolves when the client has it. */
  sendArchive(exporter: number, content: AsyncIterable<Buffer>, signal: AbortSignal): Promise<void>;
}
