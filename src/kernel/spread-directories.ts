/**
 * Directories that have nothing to do with each other, apart on the disk. ext4 puts a new directory near its parent, and
 * files near their directory: what is unpacked right after something like it was deleted gets the same inodes, and for
 * five seconds the kernel looks at every deleted one of them for each that it makes. The flag is what `chattr +T` sets,
 * for directories such as /home.
 */
import { closeFd, O_DIRECTORY, openFd } from './descriptors.ts';
import { isKernelError } from './errors.ts';
import { ioctl } from './ffi.ts';

const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
const FS_TOPDIR_FL = 0x00020000;

const flags = Buffer.alloc(8);

/** Directories that are made in this one from now on are spread. False where the file system has no such hint. */
export function spreadSubdirectories(path: string): boolean {
  let fd: number;
  try {
    fd = openFd(path, O_DIRECTORY);
  } catch (error) {
    if (isKernelError(error)) return false; // whoever uses the directory meets it
    throw error;
  }
  try {
    if (ioctl(fd, FS_IOC_GETFLAGS, flags) !== 0) return false;
    flags.writeUInt32LE((flags.readUInt32LE(0) | FS_TOPDIR_FL) >>> 0, 0);
    return ioctl(fd, FS_IOC_SETFLAGS, flags) === 0;
  } finally {
    closeFd(fd);
  }
}
