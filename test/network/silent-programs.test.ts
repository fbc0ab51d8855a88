/**
 * Programs of other firewalls that fail or do not answer: nobody waits long for them, it is said, and the way is made
 * once they do.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, test } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { missingFirewall } from '../harness/host-firewall.ts';
import { sleep } from '../harness/test-engine.ts';
import { enterTestHost } from './inside.ts';
import { Lab, run } from './lab.ts';

const dir = mkdtempSync(join(tmpdir(), 'cwt-silent-'));
const path = process.env['PATH']!;
const file = (name: string) => join(dir, name);

/** Puts a program before the real one, which does first what is said here. */
function before(program: string, script: string): void {
  const real = run('sh', '-c', `PATH="${path}:/usr/sbin" command -v ${program}`).out.trim() || 'false';
  rmSync(file(`asked-${program}`), { force: true });
  writeFileSync(file(program), `#!/bin/sh\necho "$@" >> ${dir}/asked-${program}\n${script}\nexec ${real} "$@"\n`);
  chmodSync(file(program), 0o755);
  process.env['PATH'] = `${dir}:${path}`;
}
const HANG = `while [ ! -e ${dir}/go ]; do sleep 0.1; done`;
const release = () => writeFileSync(file('go'), '');

async function eventually(what: string, condition: () => boolean, patienceMs = 90_000): Promise<void> {
  for (const end = Date.now() + patienceMs; !condition(); await sleep(50)) assert.ok(Date.now() < end, what);
}
const hasJump = (program = 'iptables-nft') => run(program, '-S', 'FORWARD').out.includes('-j CAUSEWAY-FORWARD');

function scenarios(): void {
  let lab: Lab;
  afterEach(async () => {
    release();
    await lab.stop();
    process.env['PATH'] = path;
    run('nft', 'flush', 'ruleset');
    rmSync(file('go'), { force: true });
  });
  after(() => rmSync(dir, { recursive: true, force: true }));
  const warnings = async () => (await lab.service.hostWarnings()).join('\n');

  test('a failed repair is retried without further events', async () => {
    before('iptables-nft-restore', `[ -e ${dir}/go ] || { echo broken >&2; exit 1; }`);
    run('iptables-nft', '-P', 'FORWARD', 'DROP');
    lab = await Lab.start();
    assert.equal(hasJump(), false);
    assert.match(
      await warnings(),
      /no way for containers could be made in another firewall of this host: iptables-restore: broken/,
    );
    release();
    await eventually('the way is made', () => hasJump());
    await eventually('both kinds', () => run('ip6tables-nft', '-S').code === 0);
    assert.doesNotMatch(await warnings(), /no way for containers/);
  });

  test('a hanging iptables delays neither start, networks, info nor shutdown', async () => {
    before('iptables-nft-restore', HANG);
    run('iptables-nft', '-P', 'FORWARD', 'DROP');
    lab = await Lab.start();
    assert.ok(existsSync(file('asked-iptables-nft-restore')));
    await lab.createNetwork('while-it-hangs');
    assert.match(
      await warnings(),
      /no way for containers could be made in another firewall of this host: the program of iptables has not answered yet/,
    );
    await lab.restart();
    assert.equal(hasJump(), false, 'it hangs all the time');
    release();
    await eventually('the way is made', () => hasJump());
  });

  test('a hanging firewall-cmd delays neither start nor networks', async () => {
    before('firewall-cmd', HANG);
    run('nft', 'table inet firewalld { chain filter_FORWARD_ZONES { }; }');
    lab = await Lab.start();
    await lab.createNetwork('one');
    await lab.createNetwork('two');
    assert.ok(existsSync(file('asked-firewall-cmd')) && !existsSync(file('go')));
    // On a busy machine its time may be over by now.
    assert.match(await warnings(), /the program of firewalld has not answered yet|firewall-cmd does not answer/);
  });

  test('firewalld is reloaded once, even if its zone does not appear', async () => {
    before('firewall-cmd', 'case "$*" in *--get-zones) echo public;; esac\nexit 0');
    run('nft', 'table inet firewalld { chain filter_FORWARD_ZONES { }; }');
    lab = await Lab.start();
    run('nft', 'add chain inet firewalld others');
    await lab.createNetwork('more');
    assert.match(await warnings(), /firewalld has to be reloaded before its zone causeway counts/);
    assert.equal(
      readFileSync(file('asked-firewall-cmd'), 'utf8')
        .split('\n')
        .filter((line) => line === '--reload').length,
      1,
    );
  });

  test('a program that keeps removing the rule is named once, and the rule is restored more slowly', async (t) => {
    const told: string[] = [];
    // A minute that is long enough for a machine that is busy.
    const nowMs = performance.now.bind(performance);
    const startedMs = nowMs();
    t.mock.method(performance, 'now', () => startedMs + (nowMs() - startedMs) / 20);
    run('iptables-nft', '-P', 'FORWARD', 'DROP');
    lab = await Lab.start({}, { ...silentLog, warn: (_, text) => void told.push(text) });
    const isHeld = () => told.filter((text) => text.includes('again and again')).length;
    await eventually(
      'it is held back',
      () => {
        if (hasJump()) run('iptables-nft', '-D', 'FORWARD', '1');
        return isHeld() > 0;
      },
      600_000,
    );
    assert.equal(isHeld(), 1);
  });

  test("iptables' older kind is asked for what counts only, and one that hangs is named", async (t) => {
    const missing = missingFirewall('iptables-legacy, policy DROP');
    if (missing !== undefined) return t.skip(missing);
    run('iptables-legacy', '-N', 'others');
    run('iptables-legacy', '-A', 'FORWARD', '-p', 'tcp', '--dport', '25', '-j', 'others');
    run('iptables-legacy', '-P', 'FORWARD', 'DROP');
    try {
      before('iptables-legacy', '');
      lab = await Lab.start();
      await eventually('the way is made', () => hasJump('iptables-legacy'));
      const asked = () =>
        readFileSync(file('asked-iptables-legacy'), 'utf8')
          .trim()
          .split('\n')
          .filter((line) => line.includes('-S'));
      const whole = () => asked().filter((line) => !/-S (FORWARD|CAUSEWAY-FORWARD|DOCKER-USER 1)$/.test(line)).length;
      const look = async () => {
        const earlier = asked().length;
        run('nft', 'add table ip news; delete table ip news');
        await eventually('it is looked at', () => asked().length >= earlier + 3);
      };
      for (let times = 0; times < 3; times++) await look();
      const wholeOnes = whole();
      for (let times = 0; times < 3; times++) await look();
      assert.equal(whole(), wholeOnes, 'but not the whole of it again');
      before('iptables-legacy', HANG);
      assert.match(
        await warnings(),
        /whether iptables-legacy \(chain "ip filter FORWARD"\) drops traffic of containers was not evaluated: iptables-legacy does not answer/,
      );
    } finally {
      release();
      process.env['PATH'] = path;
      for (const args of [['-P', 'FORWARD', 'ACCEPT'], ['-F'], ['-X']]) run('iptables-legacy', ...args);
    }
  });
}

if (enterTestHost()) describe('programs of other firewalls', scenarios);
