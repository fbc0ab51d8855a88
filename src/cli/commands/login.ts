/** `login`, `logout` */
import { createInterface } from 'node:readline';
import { ReadStream } from 'node:tty';
import type { AuthResponseJson } from '../../wire/system.ts';
import { readText } from '../api/client.ts';
import {
  DOCKER_HUB,
  findCredentials,
  forgetCredentials,
  ownConfigPath,
  saveCredentials,
} from '../api/registry-auth.ts';
import type { Call, Command } from '../command/command.ts';
import * as type from '../command/flag-types.ts';
import { StatusError } from '../command/status-error.ts';
import { complain, print, printLine } from '../terminal/output.ts';

export const loginCommand: Command = {
  use: 'login [OPTIONS] [SERVER]',
  short: 'Authenticate to a registry',
  long: 'Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.',
  args: [0, 1],
  flags: [
    { name: 'password', short: 'p', type: type.string, usage: 'Password or Personal Access Token (PAT)' },
    { name: 'password-stdin', type: type.bool, usage: 'Take the Password or Personal Access Token (PAT) from stdin' },
    { name: 'username', short: 'u', type: type.string, usage: 'Username' },
  ],
  run: login,
};

const hostname = (server: string) => server.replace(/^https?:\/\//, '').split('/')[0] ?? '';

async function login({ flags, args, client }: Call): Promise<void> {
  const server = args[0] && args[0] !== 'docker.io' ? hostname(args[0]) : DOCKER_HUB;
  let username = flags.string('username').trim();
  let password = flags.string('password');
  if (flags.bool('password-stdin')) {
    if (password !== '')
      throw new StatusError('conflicting options: cannot specify both --password and --password-stdin');
    if (username === '') throw new StatusError('the --password-stdin option requires --username to be set');
    password = (await readText(process.stdin)).replace(/(\r?\n)+$/, '');
  } else if (password !== '') {
    complain('WARNING! Using --password via the CLI is insecure. Use --password-stdin.');
  }
  if (username === '' || password === '') {
    const known = await findCredentials(server);
    if (username === '' && known?.username && known.password) {
      print('Authenticating with existing credentials...');
      printLine(known.username ? ` [Username: ${known.username}]` : '');
      ({ username, password } = { username: known.username, password: known.password });
    } else [username, password] = await ask(username, password);
  }
  const { Status, IdentityToken } = await client.json<AuthResponseJson>('POST', '/auth', {
    body: { username, password, serveraddress: server },
  });
  saveCredentials(server, { username, password, ...(IdentityToken ? { identitytoken: IdentityToken } : {}) });
  complain(`\nWARNING! Your credentials are stored unencrypted in '${ownConfigPath()}'.`);
  if (Status) printLine(`\n${Status}`);
}

async function ask(username: string, password: string): Promise<[string, string]> {
  if (!(process.stdin instanceof ReadStream))
    throw new StatusError('Error: Cannot perform an interactive login from a non TTY device');
  const name = username === '' ? (await question('Username: ', false)).trim() : username;
  if (name === '') throw new StatusError('Error: Non-null Username Required');
  const secret = password === '' ? await question('Password: ', true) : password;
  if (secret === '') throw new StatusError('Error: Password Required');
  return [name, secret];
}

/** `hidden`: what is typed is not shown. */
async function question(text: string, hidden: boolean): Promise<string> {
  print(text);
  const lines = createInterface({
    input: process.stdin,
    ...(hidden
      ? {
          terminal: true,
          output: new (await import('node:stream')).Writable({ write: (_chunk, _encoding, done) => done() }),
        }
      : {}),
  });
  const answer = await new Promise<string>((resolve, reject) => {
    lines.once('line', resolve);
    lines.once('close', () => resolve(''));
    lines.once('SIGINT', () => reject(new StatusError('', 130)));
  });
  lines.close();
  if (hidden) print('\n');
  return answer;
}

export const logoutCommand: Command = {
  use: 'logout [SERVER]',
  short: 'Log out from a registry',
  long: 'Log out from a registry.\nIf no server is specified, the default is defined by the daemon.',
  args: [0, 1],
  flags: [],
  run({ args }: Call) {
    const server = args[0] ? hostname(args[0]) : DOCKER_HUB;
    printLine(`Removing login credentials for ${server}`);
    const known = [server, args[0] ?? server, `http://${server}`, `https://${server}`].map(forgetCredentials);
    if (!known.includes(true)) complain(`Not logged in to ${server}`);
  },
};
