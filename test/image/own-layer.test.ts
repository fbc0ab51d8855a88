/** A directory of an overlay that becomes a layer where it is: the image is the same as with one that was unpacked. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BuildSteps } from '../../src/image/build-steps.ts';
import { EMPTY_IMAGE_CONFIG } from '../../src/image/image-config.ts';
import { importTree, openStore, shell, temporaryDirectory } from './image-fixture.ts';

const BASE = 'mkdir -p d/gone e keep; echo a > d/a; echo b > d/gone/b; echo k > keep/k; mkfifo p';

/** Everything that an image's user sees, but for inode numbers. */
const SHOW = String.raw`find . -mindepth 1 \( -path ./dev -o -path ./proc -o -path ./sys -o -path ./etc \) -prune -o ! -name .dockerenv -printf '%P %y %m %U:%G %n %l %T@\n' | sort; find . -type f -path './[a-z]*' ! -path './etc/*' -exec sha256sum {} + | sort; getfattr -Rhd -m '^(user|security)' . 2>/dev/null || true`;

const CASES: Readonly<Record<string, { readonly change: string; readonly isTaken: boolean }>> = {
  'files of all kinds': {
    change:
      'mkdir -m 1777 n; echo x > n/f; ln n/f n/hard; ln -s f n/soft; mkfifo n/p; mknod n/dev c 1 3; chown 5:6 n/f; chmod 4755 n/f; dd if=/dev/zero of=n/sparse bs=1 seek=1M count=1 2>/dev/null; chown -h 7:7 n/soft',
    isTaken: true,
  },
  'what was deleted and replaced': {
    change:
      'rm d/a; rm -r d/gone; mkdir d/gone; echo new > d/gone/n; rm -r e; echo file > e; rm p; chmod 700 keep; mv keep/k keep/moved',
    isTaken: true,
  },
  'a socket, which no archive has': {
    change: `perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Type=>1, Local=>"s", Listen=>1)' ; echo x > beside`,
    isTaken: false,
  },
  'a name that is a deletion in archives': { change: 'mkdir w; echo x > w/.wh.x; echo y > w/y', isTaken: false },
};

for (const [what, { change, isTaken }] of Object.entries(CASES)) {
  test(`${what}: ${isTaken ? 'the directory is the layer' : 'the layer is unpacked'}, and nothing differs`, async (t) => {
    const directory = temporaryDirectory(t);
    const { images, rootfs } = await openStore(join(directory, 'store'));
    await importTree(images, directory, 'base', BASE);
    const base = images.get('base');
    const steps = new BuildSteps(images, rootfs, join(directory, 'mounts'));
    await rootfs.create('step', base);
    shell(change, rootfs.mount('step'));
    rootfs.unmount('step');
    const describe = (createdBy: string) => ({
      config: EMPTY_IMAGE_CONFIG,
      createdAt: '',
      createdBy,
      comment: '',
      author: '',
    });
    const taken = await steps.commit(base, describe('taken'), rootfs.upperDir('step'), { isOver: true });
    assert.equal(existsSync(rootfs.upperDir('step')), !isTaken);
    const layer = images.catalog.state.layers.get(taken.diffIds.at(-1)!);
    const shown = (): Promise<string> => steps.reading(taken, async (root) => shell(SHOW, root));
    const own = await shown();
    // As after a crash of the machine.
    await images.catalog.renewLayer(taken.layers.at(-1)!, taken.diffIds.at(-1)!);
    assert.equal(own, await shown());
    assert.ok(layer && layer.tarBytes > 0);
    await rootfs.remove('step');
    await rootfs.settled();
  });
}
