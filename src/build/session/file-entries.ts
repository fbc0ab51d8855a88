/** Files that a client tells of, as entries of an archive: extraction (image/) makes them, and stays inside its tree. */
import { invalid } from '../../base/errors.ts';
import { formatTarHeader, type PaxRecords } from '../../base/tar-headers.ts';
import type { FileStat } from '../../model/build-client.ts';

/** Go's os.FileMode. */
const DIRECTORY = 2 ** 31;
const LINK = 2 ** 27;
const DEVICE = 2 ** 26;
const PIPE = 2 ** 25;
const SOCKET = 2 ** 24;
const SET_UID = 2 ** 23;
const SET_GID = 2 ** 22;
const CHARACTER = 2 ** 21;
const STICKY = 2 ** 20;

const MAX_PATH_BYTES = 4096;
const MAX_NAME_BYTES = 255;

const has = (mode: number, bit: number): boolean => Math.floor(mode / bit) % 2 === 1;

/** As in an archive; 's' is a socket, which is left out. */
export function typeOf({ mode, linkName }: FileStat): '0' | '1' | '2' | '3' | '4' | '5' | '6' | 's' {
  if (has(mode, DIRECTORY)) return '5';
  if (has(mode, LINK)) return '2';
  if (has(mode, DEVICE)) return has(mode, CHARACTER) ? '3' : '4';
  if (has(mode, PIPE)) return '6';
  if (has(mode, SOCKET)) return 's';
  return linkName === '' ? '0' : '1';
}

export function permissionsOf({ mode }: FileStat): number {
  return (
    (mode % 0o1000) +
    (has(mode, SET_UID) ? 0o4000 : 0) +
    (has(mode, SET_GID) ? 0o2000 : 0) +
    (has(mode, STICKY) ? 0o1000 : 0)
  );
}

/** Only what has content of its own. */
export const isFile = (stat: FileStat): boolean => typeOf(stat) === '0';

/** @throws invalid for what is no plain path below the directory, or a link that no disk could hold */
export function checkStat({ path, linkName }: FileStat): void {
  const parts = path.split('/');
  const isPlain = parts.every((part) => part !== '' && part !== '.' && part !== '..' && part.length <= MAX_NAME_BYTES);
  if (!isPlain || path.includes('\0') || path.length > MAX_PATH_BYTES)
    throw invalid('the client sends a file whose path is none');
  if (linkName.length > MAX_PATH_BYTES) throw invalid('the client sends a link whose target is too long');
}

const SECOND_NS = 1_000_000_000n;

/** With `sizeBytes` of content to follow. */
export function headerOf(stat: FileStat): Buffer {
  const type = typeOf(stat);
  const mtimeS = Number(stat.modTimeNs / SECOND_NS);
  const records: PaxRecords = new Map();
  const rest = stat.modTimeNs % SECOND_NS;
  if (rest > 0n) records.set('mtime', `${mtimeS}.${String(rest).padStart(9, '0')}`);
  return formatTarHeader(
    {
      name: stat.path,
      mode: permissionsOf(stat),
      uid: 0,
      gid: 0,
      sizeBytes: type === '0' ? stat.sizeBytes : 0,
      mtimeS,
      type,
      linkName: type === '1' || type === '2' ? stat.linkName : '',
      userName: '',
      groupName: '',
      deviceMajor: stat.deviceMajor,
      deviceMinor: stat.deviceMinor,
    },
    records,
  );
}
