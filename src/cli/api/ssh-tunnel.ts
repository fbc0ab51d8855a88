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
import { StatusError } from '../command/status-error.ts';

export interface SshTarget {
  readonly host: string;
  /** The words for ssh, and those for the program at the other end. */
  readonly command: readonly string[];
}

const USER = /^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/;
const HOST = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*)|[0-9A-Fa-f:.]+(?:%[\w.-]+)?)$/;

/** Throws with the reason. Nothing of an address can be taken for an option of ssh, or for a word of a shell. */
export function parseSsh(text: string): SshTarget {
  const refused = (reason: string) => new StatusError(`Failed to initialize: ${text}: ${reason}`);
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw refused('not an address like ssh://USER@HOST:PORT');
  }
  if (url.password !== '') throw refused('a password is not taken here: use a key, or the agent of ssh');
  if (url.search !== '' || url.hash !== '') throw refused('an ssh address has neither a query nor a fragment');
  const plain = (part: string) => {
    try {
      return decodeURIComponent(part);
    } catch {
      throw refused('what follows a % in it is no code of a character');
    }
  };
  const user = plain(url.username);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (user !== '' && !USER.test(user)) throw refused('its user is none that ssh takes');
  if (!HOST.test(host)) throw refused('its host is none that ssh takes');
  const socket = plain(url.pathname);
  if (socket !== '' && socket !== '/' && !/^[\w./-]+$/.test(socket)) throw refused('its path is no path of a socket');
  const remote = socket === '' || socket === '/' ? [] : ['--host', `unix://${socket}`];
  return {
    host: text,
    command: [
      'ssh',
      ...(user === '' ? [] : ['-l', user]),
      ...(url.port === '' ? [] : ['-p', url.port]),
      '-o',
      'ConnectTimeout=30',
      '-T',
      '--',
      host,
      PROGRAM,
      ...remote,
      'system',
      'dial-stdio',
    ],
  };
}

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
