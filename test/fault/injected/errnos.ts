/**
 * Which errors a door can have, for reasons that have nothing to do with what is asked: no room, no memory, no
 * descriptors, a device that fails.
 */
import type { Visit } from '../../harness/doors/order.ts';

/** By what stands in the visit's name in front of the callers. The first that fits counts. */
const FITTING: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^store\./, ['ENOSPC', 'EIO']],
  [/^program\./, ['EMFILE', 'ENOMEM']],
  [/^socket\./, ['EIO']],
  [
    /^fs\.(handle\.)?(write|writeFile|appendFile|mkdir|rename|symlink|link|mkdtemp|truncate|sync|datasync|fsync|fdatasync|chmod|chown|copyFile)/,
    ['ENOSPC', 'EIO'],
  ],
  [/^fs\.(open|opendir|readdir|readFile|stat|lstat|read|access|realpath|readlink|handle\.)/, ['EMFILE', 'EIO']],
  [/^fs\.(rm|unlink|rmdir)/, ['EBUSY', 'EIO']],
  [/^c\.(mount|umount2|syscall-(429|428|430|431|432|433|442))/, ['EBUSY', 'ENOMEM']],
  [/^c\.(open|openat|socket|pipe2|epoll_create1|eventfd|memfd_create|syscall-(434|437))/, ['EMFILE', 'ENOMEM']],
  [/^c\.posix_spawn/, ['ENOMEM', 'EMFILE']],
  [/^c\.(write|pwrite|fallocate)/, ['ENOSPC', 'EIO']],
  [/^c\.(send|sendto|sendmmsg|recv|bind|setsockopt|connect|getsockname|setns|unshare)/, ['ENOMEM']],
];

/**
 * Closing gives the descriptor back whatever it says, the end of a reply has no error, and what ends a process of the
 * engine's on purpose is not asked to go on: a return from a foreign namespace that fails.
 */
const NONE =
  /^(reply\.|c\.(close|epoll|poll|waitpid|signal|prctl|fcntl|flock|shutdown|read)|fs\.(close|handle\.close))/;

/**
 * Where a start looks whether an image or the index is whole: one that the disk does not give is not, and is set aside
 * by name (damaged-state, damaged-index).
 */
const LOOKS_FOR_DAMAGE = /<#damage\b|@readIndexFile\b/;

export function errnosFor({ name }: Visit): readonly string[] {
  if (name.startsWith('c.setns@returnTo')) return [];
  const what = name.slice(0, name.indexOf('@'));
  if (NONE.test(what)) return [];
  const errnos = FITTING.find(([pattern]) => pattern.test(what))?.[1] ?? [];
  return LOOKS_FOR_DAMAGE.test(name) ? errnos.filter((errno) => errno !== 'EIO') : errnos;
}
