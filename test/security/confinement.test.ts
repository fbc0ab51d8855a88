/**
 * A container here and one of dockerd 28.5 side by side: capabilities, filters, system calls, mounts, devices, limits,
 * namespaces. Theirs was recorded (record.ts), ours is tried now. What is not equal stands in differences.ts with its
 * reason, or the test fails.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { capabilitiesOfMask, resolveCapabilities } from '../../src/oci/capabilities.ts';
import { resolveDevices } from '../../src/oci/devices.ts';
import { hostFacts } from '../../src/oci/host-facts.ts';
import type { OciSpec } from '../../src/oci/oci-spec.ts';
import { SeccompCache } from '../../src/oci/seccomp-cache.ts';
import { defaultSeccomp } from '../../src/oci/seccomp.ts';
import { MASKED_PATHS, READONLY_PATHS } from '../../src/oci/spec.ts';
import { makeRecord, makeSpec } from '../oci/fixture.ts';
import { TestEngine } from '../harness/test-engine.ts';
import { describeAction, runFilter } from './bpf.ts';
import { comparable, DIFFERENCES, OF_THE_KERNEL } from './differences.ts';
import { decisions, recorded, theirFacts } from './oracle.ts';
import { importProbes, PROBED, type Facts } from './probe/collect.ts';
import { collectCalls, collectFacts } from './probe/variants.ts';
import { renderPage } from './security-page.ts';

const skip = process.getuid?.() !== 0 ? 'needs root' : process.arch !== 'x64' && 'has a program for x86-64';

describe('confinement beside dockerd 28.5', { skip }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await TestEngine.start();
    importProbes(engine.url);
  });
  after(() => engine.destroy());

  test('a container finds what it finds under dockerd, or a reason', (context) => {
    const unexplained: string[] = [];
    let compared = 0;
    for (const [variant, ours] of Object.entries(collectFacts(engine.url))) {
      const theirs = theirFacts[variant]!;
      for (const fact of new Set([...Object.keys(theirs), ...Object.keys(ours)])) {
        compared += 1;
        // Recorded on a machine that had it: with --privileged there is what the host has.
        const [, node] = /^node (\/dev\/\S+)$/.exec(fact) ?? [];
        if (variant === '--privileged' && node !== undefined && ours[fact] === undefined && !existsSync(node)) continue;
        const problem = compare(variant, fact, theirs[fact], ours[fact]);
        if (problem !== undefined) unexplained.push(problem);
      }
    }
    context.diagnostic(`${compared} facts compared`);
    assert.deepEqual(unexplained, []);
  });

  test('every system call is allowed or refused as the filter states', (context) => {
    const { filtered, unfiltered } = collectCalls(engine.url);
    const spec = makeSpec({ rootfs: '/' }, makeRecord('true'));
    const filter = Buffer.from(
      new SeccompCache(silentLog).apply(spec as OciSpec).annotations!['run.oci.seccomp_bpf_data']!,
      'base64',
    );
    const wrong: string[] = [];
    let tried = 0;
    for (const [name, { number, args = [], i386 = false }] of Object.entries(PROBED)) {
      // A kernel that takes no calls of 32 bits answers all of them so.
      if (i386 && unfiltered[name] === 'signal 11') continue;
      tried += 1;
      const words = Array.from({ length: 6 }, (_, position) =>
        BigInt.asUintN(i386 ? 32 : 64, BigInt(args[position] ?? -1)),
      );
      const verdict = describeAction(
        runFilter(filter, { architecture: i386 ? 0x40000003 : 0xc000003e, number, args: words }),
      );
      const expected = verdict === 'allow' ? unfiltered[name] : verdict;
      if (filtered[name] !== expected)
        wrong.push(
          `${name}: the filter says ${verdict}, what came is ${filtered[name]}, without a filter ${unfiltered[name]}`,
        );
    }
    context.diagnostic(`${tried} of ${Object.keys(PROBED).length} calls tried with and without the filter`);
    assert.deepEqual(wrong, []);
  });
});

test('the profile allows what dockerd 28.5 allows, and less of socket', () => {
  const available = capabilitiesOfMask('1ffffffffff');
  const sets: Readonly<Record<string, [string[], string[]]>> = {
    'docker run': [[], []],
    '--cap-add SYS_ADMIN': [['SYS_ADMIN'], []],
    '--cap-add ALL': [['ALL'], []],
    '--cap-drop ALL': [[], ['ALL']],
  };
  for (const [options, [add, drop]] of Object.entries(sets)) {
    const theirs = recorded.specs[options]!.seccomp;
    const profile = defaultSeccomp(resolveCapabilities({ privileged: false, add, drop, available }), 'amd64');
    const ours = decisions(profile);
    // AF_ALG (38) is the kernel's crypto, which no container needs and which has let some out; Docker blocks it from 29
    // on.
    assert.equal(
      ours['socket'],
      'allowed if argument 0 < 38 or allowed if argument 0 = 39 or allowed if argument 0 > 40',
    );
    assert.deepEqual({ ...ours, socket: decisions(theirs)['socket'] }, decisions(theirs), options);
    assert.deepEqual(
      [profile.defaultAction, profile.defaultErrnoRet, profile.architectures],
      [theirs.defaultAction, theirs.defaultErrnoRet, theirs.architectures],
    );
  }
});

test("hidden and read-only paths and device rules are dockerd 28.5's", () => {
  const { maskedPaths, readonlyPaths, devices } = recorded.specs['docker run']!;
  assert.deepEqual(maskedPaths.filter((path) => !path.includes('thermal_throttle')).sort(), [...MASKED_PATHS].sort());
  assert.deepEqual(readonlyPaths, READONLY_PATHS);
  // dockerd says its list twice.
  assert.deepEqual(
    resolveDevices({ privileged: false, devices: [], rules: [] }, hostFacts()).rules,
    devices.slice(0, devices.length / 2),
  );
});

test('the documentation shows these tables', () => {
  const path = new URL('../../docs/security.md', import.meta.url);
  if (process.env['UPDATE_GOLDEN']) writeFileSync(path, renderPage());
  assert.equal(readFileSync(path, 'utf8'), renderPage());
});

function compare(
  variant: string,
  fact: string,
  theirs: Facts[string] | undefined,
  ours: Facts[string] | undefined,
): string | undefined {
  const same = theirs !== undefined && ours !== undefined && comparable(fact, theirs) === comparable(fact, ours);
  if (same) return undefined;
  if (
    OF_THE_KERNEL.test(fact) &&
    (theirs === undefined || ours === undefined || theirs === 'absent' || ours === 'absent')
  )
    return undefined;
  const listed = DIFFERENCES.find((one) => one.facts.test(fact) && (one.variants?.test(variant) ?? true));
  if (listed !== undefined && (ours === undefined ? listed.here === undefined : listed.here?.test(ours)))
    return undefined;
  return `${variant}: ${fact}: dockerd ${theirs ?? 'nothing'}, here ${ours ?? 'nothing'}`;
}
