/**
 * A daemon behind ssh://[USER@]HOST[:PORT][/SOCKET]: each connection is a `ssh HOST causeway system dial-stdio`. Host
 * keys, users, agents and jumps are the business of ssh.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { SshTarget } from './ssh-target.ts';

export interface Tunnel {
  /** Another connection. */
  readonly connect: () => Socket;
  /** What ssh or the far end said last, when it has ended or a second is over; empty: nothing. */
  readonly complaint: () => Promise<string>;
}

const LONGEST_COMPLAINT = 4096;
const PATIENCE_MS = 1000;
/**
 * One socket for both directions, as the connection it stands for, and nothing in the file system that could be left. A
 * ^C is the command's, which may pass it on to a container: it does not end the way there.
 */
const OVER_ONE_SOCKET = 'trap "" INT QUIT; exec "$@" <&3 >&3 3>&-';

export function openTunnel({ command }: SshTarget): Tunnel {
  let said = '';
  let last: ChildProcess | undefined;
  const connect = (): Socket => {
    const child = spawn('/bin/sh', ['-c', OVER_ONE_SOCKET, 'sh', ...command], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    last = child;
    const socket = child.stdio[3] as Socket;
    child.stderr!.on('data', (part: Buffer) => (said = (said + part.toString()).slice(-LONGEST_COMPLAINT)));
    child.on('error', (error) => socket.destroy(error));
    child.on('exit', (code) => {
      if (code === 127 && said.endsWith('not found\n')) said = `${command[0]} is not installed here`;
    });
    socket.on('error', () => child.kill());
    socket.on('close', () => child.kill());
    // What is under way holds the process by its socket.
    child.unref();
    (child.stderr as Socket).unref();
    return socket;
  };
  return {
    connect,
    async complaint() {
      const child = last;
      if (child && child.exitCode === null && child.signalCode === null) await ended(child);
      return said.trim();
    },
  };
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, PATIENCE_MS);
    child.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
