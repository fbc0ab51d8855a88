/** What an address ssh://[USER@]HOST[:PORT][/SOCKET] means. Apart from the tunnel: every command reads its address. */
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
