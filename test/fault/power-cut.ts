/**
 * A disk whose power can be cut: a file system in a file, of which the cut keeps what the kernel had sent to it by
 * then. Without a journal a name is there only if its directory was synced; with one, and another file's sync right
 * before, every rename has happened while content that nobody synced has not come.
 */
import assert from 'node:assert/strict';
import { constants, copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check, run } from '../harness/host.ts';

export const NO_DISKS =
  process.getuid?.() !== 0
    ? 'needs root'
    : !run('sh', ['-c', 'mkfs.ext4 -V && e2fsck -V && test -e /dev/loop-control']).code
      ? false
      : 'needs e2fsprogs and loop devices';
export const DISKS = {
  'that has no journal': ['-O', '^has_journal'],
  'whose journal has the names and not the content': [],
};

export class Disk {
  readonly #dir = mkdtempSync(join(tmpdir(), 'causeway-disk-'));
  #file = join(this.#dir, 'disk');
  readonly #cut = join(this.#dir, 'cut');
  readonly #journal: boolean;

  constructor(flags: readonly string[]) {
    this.#journal = flags.length === 0;
    check(run('truncate', ['-s', '256M', this.#file]));
    check(run('mkfs.ext4', ['-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', ...flags, this.#file]));
  }

  mount(at: string): void {
    mkdirSync(at, { recursive: true });
    check(run('mount', ['-o', 'loop,noauto_da_alloc' + (this.#journal ? ',commit=300' : ''), this.#file, at]));
  }

  /** What would be there if the power went now. */
  cut(at: string): void {
    // Another program's sync: it takes names along, and not what is in their files.
    if (this.#journal) check(run('sh', ['-c', `echo x > ${at}/other && sync ${at}/other`]));
    copyFileSync(this.#file, this.#cut, constants.COPYFILE_FICLONE);
  }

  /** The machine is back. */
  restore(at: string): void {
    check(run('umount', ['-l', at]));
    // Not onto the old file: mount namespaces of others may have it for a while yet, and with the last of them the
    // kernel writes to it once more.
    this.#file = join(this.#dir, 'restored');
    copyFileSync(this.#cut, this.#file, constants.COPYFILE_FICLONE);
    const fsck = run('e2fsck', ['-fy', this.#file]);
    assert.ok(fsck.code < 4, fsck.out);
    this.mount(at);
  }

  destroy(at: string): void {
    run('umount', ['-l', at]);
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
