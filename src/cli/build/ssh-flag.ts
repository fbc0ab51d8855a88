/** --ssh default or --ssh ID=SOCKET, once for each: agents that steps of a build may use. */
import { statSync } from 'node:fs';
import { StatusError } from '../command/status-error.ts';
import type { FlagType } from '../command/flag-types.ts';

export interface SshAgent {
  readonly id: string;
  /** '' = the one that the environment names. */
  readonly socket: string;
}

export const sshType: FlagType = {
  label: 'stringArray',
  zero: [],
  set: (raw, before) => [...((before as SshAgent[] | undefined) ?? []), readAgent(raw)],
};

function readAgent(text: string): SshAgent {
  const equals = text.indexOf('=');
  return equals < 0 ? { id: text, socket: '' } : { id: text.slice(0, equals), socket: text.slice(equals + 1) };
}

/** Their sockets by id. @throws StatusError */
export function agentSockets(agents: readonly SshAgent[]): ReadonlyMap<string, string> {
  return new Map(agents.map(({ id, socket }) => [id || 'default', socketOf(socket)] as const));
}

function socketOf(given: string): string {
  const socket = given || (process.env['SSH_AUTH_SOCK'] ?? '');
  if (socket === '') throw new StatusError('invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set');
  const stats = statSync(socket, { throwIfNoEntry: false });
  if (!stats) throw new StatusError(`failed to stat ${socket}: stat ${socket}: no such file or directory`);
  // BuildKit's clients are an agent for keys, too.
  if (!stats.isSocket())
    throw new StatusError(`${socket} is no socket of an ssh agent: add a key to an agent (ssh-add) and name that`);
  return socket;
}
