/**
 * Annotations are handed to the runtime, and some steer it: none of those may take a container out of its confinement,
 * or the next.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { newId } from '../../src/model/ids.ts';
import { collect, exitOf, makePlace, makeRecord, makeSpec, runContainer } from '../oci/fixture.ts';
import { TestEngine } from '../harness/test-engine.ts';
import { runFilter } from './bpf.ts';

const skip = process.getuid?.() !== 0 && 'needs root';
/** One instruction: everything is allowed. */
const ALLOW_ALL = Buffer.from('060000000000ff7f', 'hex').toString('base64');
const POISON = { 'run.oci.seccomp_bpf_data': ALLOW_ALL };
// Creating a user namespace needs no capability: only the filter is in the way.
const ESCAPE = 'busybox unshare -U true && echo unfiltered';

describe('annotations that steer the runtime', { skip }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await TestEngine.start();
    engine.importFixtures();
  });
  after(() => engine.destroy());

  test('are refused at create, in words that name them', () => {
    for (const key of [
      'run.oci.seccomp_bpf_data',
      'run.oci.hooks.stdout',
      'run.oci.seccomp.plugins',
      'org.criu.config',
      'org.systemd.property.ExecStopPost',
      'io.kubernetes.cri.container-type',
      'krun.cpus',
      'module.wasm.image/variant',
    ]) {
      const ran = engine.causeway('create', '--annotation', `${key}=${ALLOW_ALL}`, 'busybox', 'true');
      assert.equal(ran.code, 1, key);
      assert.match(
        ran.err,
        new RegExp(`invalid Annotations: "${key.replaceAll('.', '\\.')}" would steer the OCI runtime`),
      );
    }
    assert.equal(engine.ok('ps', '-aq'), '');
  });

  test('do not reach later containers', () => {
    engine.causeway('run', '--rm', '--annotation', `run.oci.seccomp_bpf_data=${ALLOW_ALL}`, 'busybox', 'true');
    const ran = engine.docker('run', '--rm', 'busybox', 'sh', '-c', ESCAPE);
    assert.doesNotMatch(ran.out, /unfiltered/);
    assert.notEqual(ran.code, 0);
  });

  test('others are kept, shown by inspect, and are no labels', () => {
    engine.causeway(
      'create',
      '--name',
      'noted',
      '--annotation',
      'com.example.note=kept',
      '--label',
      'run.oci.handler=x',
      'busybox',
      'true',
    );
    assert.deepEqual(JSON.parse(engine.causeway('inspect', '-f', '{{json .HostConfig.Annotations}}', 'noted').out), {
      'com.example.note': 'kept',
    });
    assert.equal(engine.ok('inspect', '-f', '{{index .Config.Labels "run.oci.handler"}}', 'noted'), 'x');
  });
});

for (const runtime of ['crun', 'runc'] as const) {
  test(
    `a stored record with annotations that steer ${runtime} runs confined, and so do those after it`,
    { skip },
    async () => {
      const place = makePlace({ runtime });
      try {
        for (const annotations of [POISON, {}, { 'run.oci.keep_original_groups': '1' }]) {
          const ran = await runContainer(place, ESCAPE, { changes: { host: { annotations } } });
          assert.equal(String(ran.stdout), '', JSON.stringify(annotations));
          assert.notEqual(ran.code, 0);
        }
      } finally {
        place.remove();
      }
    },
  );
}

test(
  'the filter that the engine gives to crun decides as the one that crun makes of the same profile',
  { skip: skip || (process.arch !== 'x64' && 'has the numbers of x86-64') },
  async () => {
    const place = makePlace();
    const architectures = { x86_64: 0xc000003e, i386: 0x40000003, other: 0xc00000b7 };
    try {
      for (const host of [{}, { capAdd: ['SYS_ADMIN'] }, { capDrop: ['ALL'] }, { capAdd: ['ALL'] }]) {
        const spec = makeSpec(place, makeRecord('true', { host }));
        // A profile that is not the engine's own value is compiled by crun.
        const theirs = await filterOf(
          { ...spec, linux: { ...spec.linux, seccomp: structuredClone(spec.linux.seccomp!) } },
          false,
        );
        const ours = await filterOf(spec, true);
        const newest = [...Array(600).keys()].findLast(
          (number) => runFilter(theirs, { architecture: architectures.x86_64, number }) === 0x7fff0000,
        )!;
        for (const architecture of Object.values(architectures)) {
          for (const number of [...Array(600).keys(), ...[...Array(600).keys()].map((low) => low + 0x40000000), -1]) {
            // Those whose arguments are looked at: socket, clone, personality, socketcall, by their numbers on both.
            for (const first of ![41, 56, 102, 120, 135, 136, 359].includes(number & 0xfff)
              ? [0n]
              : [0n, 8n, 38n, 39n, 40n, 41n, 0x20008n, 0x10000000n, 0xffffffffn, 0x1_0000_0026n]) {
              const call = { architecture, number, args: [first] };
              // What the profile's newest call did not know is said not to exist; crun 1.8 says that it is not
              // permitted.
              const expected = (number & 0xbfffffff) >>> 0 > newest ? 0x50026 : runFilter(theirs, call);
              assert.equal(
                runFilter(ours, call),
                expected,
                JSON.stringify({ host, architecture, number, first: String(first) }),
              );
            }
          }
        }
      }
    } finally {
      place.remove();
    }

    async function filterOf(spec: ReturnType<typeof makeSpec>, ours: boolean): Promise<Buffer> {
      const id = newId();
      const withPath = { ...spec, linux: { ...spec.linux, cgroupsPath: `/causeway-test/${id}` } };
      await place.runtime.create({
        id,
        bundle: join(place.directory, 'bundles', id),
        spec: withPath,
        runtime: '',
        tty: false,
        openStdin: false,
        stdinOnce: false,
        logPath: null,
      });
      const given = JSON.parse(readFileSync(join(place.directory, 'bundles', id, 'config.json'), 'utf8')) as {
        annotations?: Record<string, string>;
      };
      const filter = readFileSync(join(place.directory, 'state/runtimes/crun', id, 'seccomp.bpf'));
      assert.equal(given.annotations?.['run.oci.seccomp_bpf_data'] !== undefined, ours);
      const exited = exitOf(place.runtime, id);
      const session = await place.runtime.attach(id);
      const output = collect(session);
      await place.runtime.start(id);
      await output;
      await exited;
      await place.runtime.delete(id);
      return filter;
    }
  },
);
