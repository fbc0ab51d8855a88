/**
 * Who a container's process runs as: 'user', 'uid', 'user:group' and so on, looked up in the container's own
 * /etc/passwd and /etc/group. Their text is the image's: nothing in them, symbolic links included, resolves outside the
 * root file system, and a number is never taken for a name (a line "1000:x:0:0" would make root of `-u 1000`).
 */
import { systemError } from '../base/errors.ts';
import { eachRecord } from './account-file.ts';

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[]; // the primary one first, as Docker has it
  readonly home: string;
}

export interface UserWish {
  /** As `docker run -u` takes it, '' = root. */
  readonly user: string;
  /** Names and numbers of --group-add. */
  readonly groupAdd: readonly string[];
  /** Whose files they are, for errors. */
  readonly container: string;
}

const MAX_ID = 2 ** 31 - 1;
/** The kernel takes no more (NGROUPS_MAX). */
const MAX_GROUPS = 65_536;

/** Kind `system` with Docker's texts where a name is not found or a number is out of range. */
export async function resolveUser(rootfs: string, { user, groupAdd, container }: UserWish): Promise<ResolvedUser> {
  const [userPart, groupPart] = split(user);
  const wanted = userPart === '' ? '0' : userPart;
  const entry = await findUser({ rootfs, path: '/etc/passwd', container }, wanted);
  if (entry === undefined && !isNumber(wanted)) {
    throw systemError(`unable to find user ${wanted}: no matching entries in passwd file`);
  }
  const uid = inRange(entry?.uid ?? Number(wanted));
  // Membership counts only where the group was not chosen.
  const member = groupPart === '' ? entry?.name : undefined;
  const names = [groupPart, ...groupAdd].filter((name) => name !== '' && !isNumber(name));
  const found = await findGroups({ rootfs, path: '/etc/group', container }, new Set(names), member);
  const gidOf = (name: string, complaint: string): number => {
    const gid = isNumber(name) ? Number(name) : found.byName.get(name);
    if (gid === undefined) throw systemError(complaint);
    return inRange(gid);
  };
  const gid =
    groupPart === ''
      ? inRange(entry?.gid ?? 0)
      : gidOf(groupPart, `unable to find group ${groupPart}: no matching entries in group file`);
  const added = groupAdd.map((group) =>
    gidOf(group, `unable to find group ${group}: no matching entries in group file`),
  );
  return { uid, gid, additionalGids: [...new Set([gid, ...found.memberOf, ...added])], home: entry?.home || '/' };
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

type File = Parameters<typeof eachRecord>[0];

/** The first line with that name, or where it is a number with that uid. */
async function findUser(file: File, wanted: string): Promise<PasswdEntry | undefined> {
  const wantedUid = isNumber(wanted) ? Number(wanted) : undefined;
  let entry: PasswdEntry | undefined;
  await eachRecord(file, ([name = '', , uid, gid, , home = '']) => {
    if (wantedUid === undefined ? name !== wanted : idOf(uid) !== wantedUid) return false;
    entry = { name, uid: idOf(uid), gid: idOf(gid), home };
    return true;
  });
  return entry;
}

interface FoundGroups {
  readonly byName: ReadonlyMap<string, number>;
  readonly memberOf: readonly number[];
}

async function findGroups(file: File, names: ReadonlySet<string>, member: string | undefined): Promise<FoundGroups> {
  const byName = new Map<string, number>();
  const memberOf: number[] = [];
  if (names.size === 0 && member === undefined) return { byName, memberOf };
  await eachRecord(file, ([name = '', , gid, members = '']) => {
    if (names.has(name) && !byName.has(name)) byName.set(name, idOf(gid));
    if (member === undefined) return byName.size === names.size;
    if (member !== '' && members.split(',').includes(member)) memberOf.push(idOf(gid));
    if (memberOf.length > MAX_GROUPS) {
      throw systemError(
        `user ${member} is in more than ${MAX_GROUPS} groups in /etc/group of container ${file.container}: the kernel allows no more`,
      );
    }
    return false;
  });
  return { byName, memberOf };
}

// As Go reads it: a text that is not a number is 0.
const idOf = (text = ''): number => (/^[+-]?\d+$/.test(text) ? Number(text) : 0);

function split(user: string): [string, string] {
  const colon = user.indexOf(':');
  return colon < 0 ? [user, ''] : [user.slice(0, colon), user.slice(colon + 1)];
}

// As Go's Atoi reads it: a negative number is a number out of range, not a name.
const isNumber = (text: string): boolean => /^[+-]?\d+$/.test(text);

function inRange(id: number): number {
  if (id < 0 || id > MAX_ID) throw systemError(`uids and gids must be in range 0-${MAX_ID}`);
  return id;
}
