/** Extended attributes of files. Symbolic links are not followed. */
import { KernelError } from './errors.ts';
import { errnoOfLastCall, lgetxattr } from './ffi.ts';

const buffer = Buffer.alloc(64 * 1024); // the kernel's limit on one value

/** The attribute's value; undefined where the file, the attribute or the support for attributes is missing. */
export function readXattr(path: string, name: string): Buffer | undefined {
  const size = lgetxattr(path, name, buffer, buffer.length);
  if (size >= 0) return Buffer.from(buffer.subarray(0, size));
  const error = new KernelError(`read attribute ${name} of ${path}`, errnoOfLastCall());
  if (['ENODATA', 'EOPNOTSUPP', 'ENOENT'].includes(error.code)) return undefined;
  throw error;
}
