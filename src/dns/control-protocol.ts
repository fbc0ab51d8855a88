/**
 * How the daemon and the resolver talk: a unix stream socket, a line of JSON for each message. Requests have an id and
 * get one reply with the same id, in the order asked; `follow` is also sent events, until its connection ends.
 */
import type { ChangeFailure, HandOver, ResolverDump } from './resolver.ts';
import type { QueryEvent } from '../base/name-query.ts';
import type { OpenSockets } from './sandbox-server.ts';
import type { ResolverChange } from '../base/dns-zone.ts';

/** Raised when an old resolver would not understand a new daemon; the daemon then replaces the process. */
export const CONTROL_PROTOCOL = 3;

export type ControlRequest =
  | { readonly op: 'hello' }
  /** `role`: while a daemon is connected the resolver does not think of ending by itself. */
  | { readonly op: 'attach'; readonly role: 'daemon' }
  | { readonly op: 'apply'; readonly changes: readonly ResolverChange[] }
  /** The changes are all there is: whatever they do not name is removed. */
  | { readonly op: 'replace-all'; readonly changes: readonly ResolverChange[] }
  | { readonly op: 'dump'; readonly network?: string; readonly sandbox?: string }
  | { readonly op: 'follow'; readonly sandbox: string }
  /** To a process that serves no container yet: go on with these sockets, of which process `pid` has copies. */
  | { readonly op: 'inherit'; readonly state: HandOver }
  /**
   * Asked by a process that takes this one's place: it stops reading, and goes on if the asker ends without `release`.
   */
  | { readonly op: 'hand-over' }
  /** The other one serves now: finish what has been read, and end. */
  | { readonly op: 'release' }
  | { readonly op: 'quit' };

/** What each request is answered with. */
export interface ControlResults {
  readonly hello: ResolverIdentity;
  readonly attach: ResolverIdentity;
  readonly apply: ApplyResult;
  readonly 'replace-all': ApplyResult;
  readonly inherit: Record<string, never>;
  readonly dump: ResolverDump;
  readonly follow: Record<string, never>;
  readonly 'hand-over': HandOver;
  readonly release: Record<string, never>;
  readonly quit: Record<string, never>;
}

export interface ApplyResult {
  readonly failures: readonly ChangeFailure[];
  /** Of the sandboxes that were put. */
  readonly sockets: Readonly<Record<string, OpenSockets>>;
}

export interface ResolverIdentity {
  readonly protocol: number;
  readonly pid: number;
  /** Of the build; a daemon of another build may want to replace the process. */
  readonly version: string;
  readonly startedAt: string;
  readonly networks: number;
  readonly sandboxes: number;
}

export type ControlReply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string }
  | { readonly event: QueryEvent };

/** Calls `line` for each whole line of a stream's chunks; what follows the last newline waits for more. */
export function lineReader(line: (text: string) => void): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  return (chunk) => {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, at));
      const text = Buffer.concat(parts).toString();
      parts = [];
      from = at + 1;
      if (text !== '') line(text);
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
  };
}
