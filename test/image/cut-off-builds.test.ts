/** What a daemon that was killed in a build leaves to the next one. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { Builder } from '../../src/build/builder.ts';
import { KeptContexts } from '../../src/build/session/kept-contexts.ts';
import type { StepHost } from '../../src/build/step-host.ts';
import { mountPoints, unmount } from '../../src/kernel/mount.ts';
import { filesIn, NO_BOUNDS, openBuilder } from './builder-fixture.ts';

for (const behind of ['', ' where the data root is behind a link'])
  test(`what a daemon that was killed in a build had mounted is taken off before anything is deleted${behind}`, (t) =>
    assertTakenOff(t, behind !== ''));

async function assertTakenOff(t: TestContext, isLinked: boolean): Promise<void> {
  const { directory, images, rootfs, build } = await openBuilder(t);
  const { id } = await build('FROM scratch\nCOPY f /\n', { context: filesIn(directory, 'context', { f: 'x' }) });
  // An image that was copied from, and a context that a step could write to.
  const own = join(directory, 'build');
  const [read, written] = [join(own, 'mounts', 'left'), join(own, 'work', 'left', 'merged')];
  const look = join(directory, 'look');
  for (const place of [read, written, look]) mkdirSync(place, { recursive: true });
  const left = () => mountPoints().filter(({ target }) => target.startsWith(`${own}/`));
  try {
    for (const place of [read, written]) rootfs.mountImage({ id, name: id }, place);
    assert.equal(left().length, 2);
    const linked = join(directory, 'link');
    symlinkSync(own, linked);
    const deps = {
      bounds: NO_BOUNDS,
      images,
      rootfs,
      directory: isLinked ? linked : own,
      secretDirectory: join(directory, 'other'),
      clock: systemClock,
    };
    new Builder({
      ...deps,
      contexts: new KeptContexts(join(directory, 'contexts')),
      host: {} as StepHost,
      log: silentLog,
    }).close();
    assert.deepEqual(left(), []);
  } finally {
    for (const { target } of left()) unmount(target);
  }
  rootfs.mountImage({ id, name: id }, look);
  try {
    assert.equal(readFileSync(join(look, 'f'), 'utf8'), 'x');
  } finally {
    unmount(look);
  }
}

test('a stage that only a trigger of the base names is said to be missing', async (t) => {
  const { build } = await openBuilder(t);
  await build('FROM scratch\nONBUILD COPY --from=one f /\n', { tags: ['triggers:1'] });
  await assert.rejects(build('FROM scratch AS one\nLABEL a=b\nFROM triggers:1\n'), /stage one has not been built/);
});
