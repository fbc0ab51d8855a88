/**
 * A daemon behind ssh://[USER@]HOST[:PORT][/SOCKET]: a socket in a directory of this process, each connection to which
 * is a `ssh HOST causeway system dial-stdio`. Host keys, users, agents and jumps are the business of ssh.
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROGRAM } from '../command/program-name.ts';
import type { SshTarget } from './ssh-target.ts';

export interface Tunnel {
  readonly path: string;
  /** What ssh or the far end said last; empty: nothing. */
  readonly complaint: () => string;
}

const LONGEST_COMPLAINT = 4096;

/** Opens the socket. It goes with this process. */
export async function openTunnel({ command }: SshTarget): Promise<Tunnel> {
  const directory = mkdtempSync(join(tmpdir(), `${PROGRAM}-ssh-`));
  chmodSync(directory, 0o700);
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'socket');
  let said = '';
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    const [file = '', ...words] = command;
    const child = spawn(file, words, { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stderr.on('data', (part: Buffer) => (said = (said + part.toString()).slice(-LONGEST_COMPLAINT)));
    child.on('error', (error) => {
      said = (error as NodeJS.ErrnoException).code === 'ENOENT' ? `${file} is not installed here` : error.message;
      socket.destroy();
    });
    child.stdin.on('error', () => socket.destroy());
    socket.on('error', () => child.kill());
    socket.on('close', () => child.kill());
    // The program's last words are there before the end of the connection is told.
    child.on('close', () => socket.end());
    socket.pipe(child.stdin);
    child.stdout.pipe(socket, { end: false });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  server.unref();
  return { path, complaint: () => said.trim() };
}
