/** The demo from start to end, and interrupted: it verifies everything, and leaves the machine as it found it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { prepareImages, PROJECT } from '../../demo/images.ts';
import { collect, Sandbox } from '../../demo/sandbox.ts';
import { sleep, until } from '../harness/test-engine.ts';
import { IMAGE_CACHE } from '../harness/walkthrough.ts';

// A machine of its own, so that what others do on this one meanwhile is not mistaken for the demo's leavings.
let machine: Sandbox;
const env = { CAUSEWAY_DEMO_CACHE: IMAGE_CACHE, TSX_DISABLE_CACHE: '1' };
const command = `cd '${PROJECT}' && exec node --import tsx demo/main.ts`;

before(async () => {
  await prepareImages(IMAGE_CACHE, () => undefined);
  machine = await Sandbox.create({ purpose: 'test', files: 'memory' });
});
after(() => machine?.destroy());

/**
 * All that a demo could leave behind; /var/tmp and the control groups are the whole machine's, so only what bears a
 * demo's name.
 */
async function snapshot(): Promise<string[]> {
  const look = [
    'ip netns',
    'ip -o link',
    'nft list ruleset',
    // What was mounted below the machine's own /run when ours covered it comes and goes with others' work.
    'cut -d" " -f5- /proc/self/mountinfo | grep -v "^/run/."',
    'ps -eo args= | grep -vE "^(sh -c|ps|grep|sort) "',
    'find /run | sort',
    'namespace=$(readlink /proc/self/ns/pid | tr -dc 0-9)',
    'find /var/tmp /sys/fs/cgroup -maxdepth 2 -name "causeway-demo-*" | grep -F -- "-$(node -p "($namespace).toString(36)")-"',
  ].join('\n');
  return (await machine.shell(look)).out.split('\n');
}

/** What is there and was not. (What has gone since then is somebody else's.) */
function added(before: readonly string[], after: readonly string[]): string[] {
  const rest = [...before];
  return after.filter((line) => {
    const at = rest.indexOf(line);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}

test('the demo verifies everything, exits 0 and leaves nothing behind', async (t) => {
  const before = await snapshot();
  const ran = await machine.shell(command, { env, timeoutMs: 300_000 });
  const summary = /^(\d+) of (\d+) verified in .*$/m.exec(ran.out);
  assert.ok(summary, ran.both);
  assert.equal(
    ran.code,
    0,
    ran.out
      .split('\n')
      .filter((line) => line.includes('NOT OK'))
      .join('\n'),
  );
  assert.equal(summary[1], summary[2]);
  assert.ok(Number(summary[1]) >= 50, summary[0]);
  assert.ok(!ran.both.includes('\x1b'), 'no colours where there is no terminal');
  assert.deepEqual(added(before, await snapshot()), []);
  t.diagnostic(summary[0]);
});

const MOMENTS: readonly [string, RegExp][] = [
  ['while the engine starts', /sandbox/],
  ['in the middle of the links', /^\$ causeway run -d -P --name web --link/m],
  ['in the middle of the networks', /^\$ causeway exec test1 ping/m],
];
for (const [moment, seen] of MOMENTS) {
  for (const signal of moment.includes('links') ? (['SIGINT', 'SIGKILL'] as const) : (['SIGINT'] as const)) {
    test(`interrupted by ${signal} ${moment}, it leaves nothing behind`, async () => {
      const before = await snapshot();
      const demo = machine.spawn('sh', ['-c', command], ['ignore', 'pipe', 'pipe'], env);
      const ended = collect(demo, { timeoutMs: 300_000 });
      let printed = '';
      demo.stdout?.on('data', (text: string) => (printed += text));
      await until(`the demo printed ${seen}`, () => seen.test(printed) || demo.exitCode !== null, 120_000);
      await sleep(150);
      machine.signal(demo, signal);
      const { code, both } = await ended;
      assert.doesNotMatch(both, / verified in /);
      if (signal === 'SIGINT') assert.equal(code, 130, both);
      // After kill -9 it is the kernel that clears away, when it gets to it.
      const nothing = async (): Promise<boolean> => added(before, await snapshot()).length === 0;
      await until('nothing is left', nothing, signal === 'SIGINT' ? 1000 : 15_000).catch(async () =>
        assert.deepEqual(added(before, await snapshot()), []),
      );
    });
  }
}
