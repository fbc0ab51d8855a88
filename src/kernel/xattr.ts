/** Extended attributes of files. Symbolic links are not followed. */
import { KernelError } from './errors.ts';
import { errnoOfLastCall, getxattr, lgetxattr, listxattr } from './ffi.ts';

const buffer = Buffer.alloc(64 * 1024); // the kernel's limit on one value

/** The attribute's value; undefined where the file, the attribute or the support for attributes is missing. */
export function readXattr(path: string, name: string): Buffer | undefined {
  const size = lgetxattr(path, name, buffer, buffer.length);
  if (size >= 0) return Buffer.from(buffer.subarray(0, size));
  const error = new KernelError(`read attribute ${name} of ${path}`, errnoOfLastCall());
  if (['ENODATA', 'EOPNOTSUPP', 'ENOENT'].includes(error.code)) return undefined;
  throw error;
}

/**
 * All attributes of the file behind a descriptor (O_PATH too), a symbolic link's own; those that this process may not
 * see are left out.
 */
export function readXattrs(fd: number): Map<string, Buffer> {
  const path = `/proc/self/fd/${fd}`;
  const found = new Map<string, Buffer>();
  const size = listxattr(path, buffer, buffer.length);
  if (size <= 0) return found; // none, or a file system without
  for (const name of buffer.toString('latin1', 0, size).split('\0')) {
    if (name === '') continue;
    const length = getxattr(path, name, buffer, buffer.length);
    if (length >= 0) found.set(name, Buffer.from(buffer.subarray(0, length)));
  }
  return found;
}
