/**
 * What is ours in firewalld, and only that, comes and goes with us: also what an earlier bridge left, and while
 * firewalld does not run.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { HostFirewall, missingFirewall, must, shell } from '../harness/host-firewall.ts';
import { enterTestHost } from './inside.ts';
import { Lab } from './lab.ts';
import { Packets } from './packets.ts';

if (enterTestHost()) describe('what is ours in firewalld', { skip: missingFirewall('firewalld') ?? false }, zones);

function zones(): void {
  const firewall = new HostFirewall('firewalld');
  let lab: Lab | undefined;
  before(() => firewall.start());
  afterEach(async () => {
    await lab?.stop();
    lab = undefined;
  });
  after(() => firewall.stop());

  const FILES = ['zones/causeway', 'policies/causeway-to', 'policies/causeway-from'].map(
    (name) => `/etc/firewalld/${name}.xml`,
  );
  /** As the kernel and the file have it: the program takes a second to say it. */
  const namesIn = (text: string, pattern: RegExp) =>
    [...new Set([...text.matchAll(pattern)].map((match) => match[1]!))].sort();
  const running = () =>
    namesIn(shell('nft list table inet firewalld').out, /iifname "(\S+)" goto filter_FWD_causeway$/gm);
  const permanent = () =>
    namesIn(existsSync(FILES[0]!) ? readFileSync(FILES[0]!, 'utf8') : '', /<interface name="(.*?)"/g);
  /** The daemon goes on after three seconds, however long firewalld takes. */
  const eventually = async <T>(look: () => T | Promise<T>, wanted: (found: T) => void): Promise<void> => {
    for (const end = Date.now() + 120_000; Date.now() < end; await sleep(200)) {
      try {
        return wanted(await look());
      } catch {
        // not yet
      }
    }
    wanted(await look());
  };
  const inBoth = (names: readonly string[]) =>
    eventually(
      () => [running(), permanent()],
      (found) => assert.deepEqual(found, [names, names]),
    );
  const troubles = async () =>
    (await lab!.service.hostWarnings()).filter((text) => text.startsWith('no way for containers could be made'));

  test('a bridge that has another name now, or is given up, leaves the zone, all goes with the mode, and what the user put there stays till then', async () => {
    lab = await Lab.start();
    await lab.createNetwork('named', { options: { 'com.docker.network.bridge.name': 'shop0' } });
    await inBoth(['docker0', 'shop0']);
    must(
      'firewall-cmd --zone=causeway --add-interface=tap7; firewall-cmd --permanent --zone=causeway --add-interface=tap7',
    );
    await inBoth(['docker0', 'shop0', 'tap7']);
    Object.assign(lab.config, { defaultBridgeName: 'front0' });
    await lab.restart();
    await inBoth(['front0', 'shop0', 'tap7']);
    Object.assign(lab.config, { bridgeName: 'none' });
    await lab.restart();
    await inBoth(['shop0', 'tap7']);
    await lab.service.removeNetwork(lab.network('named').id);
    await inBoth(['tap7']);
    // Given up while firewalld does not run, and the daemon is another when it does again.
    await lab.createNetwork('later', { options: { 'com.docker.network.bridge.name': 'late0' } });
    await inBoth(['late0', 'tap7']);
    await firewall.endDaemons();
    await lab.service.removeNetwork(lab.network('later').id);
    await lab.restart();
    await firewall.startFirewalld();
    await inBoth(['tap7']);
    assert.equal(
      must('firewall-cmd --permanent --zone=causeway --get-target').trim(),
      'default',
      'servers of the host are not open by it',
    );
    // While firewalld does not run, the end of it takes what is permanent.
    assert.deepEqual(
      FILES.map((file) => existsSync(file)),
      [true, true, true],
    );
    await firewall.endDaemons();
    Object.assign(lab.config, { firewallIntegration: false });
    await lab.restart();
    await eventually(
      () => FILES.map((file) => existsSync(file)),
      (found) => assert.deepEqual(found, [false, false, false]),
    );
    await eventually(
      () => FILES.filter((file) => existsSync(`${file}.old`)),
      (found) => assert.deepEqual(found, [], 'nor what firewalld kept of them'),
    );
    await firewall.startFirewalld();
    assert.doesNotMatch(firewall.rules(), /causeway_|zone=causeway|^causeway/m);
  });

  test('nothing of them stays where firewalld runs, what it keeps of removed files included', async () => {
    lab = await Lab.start();
    await inBoth(['docker0']);
    Object.assign(lab.config, { firewallIntegration: false });
    await lab.restart();
    await eventually(
      () => FILES.flatMap((file) => [file, `${file}.old`]).filter((file) => existsSync(file)),
      (found) => assert.deepEqual(found, []),
    );
  });

  test("a policy of the user's that decides before ours, and the panic mode, are named with what helps", async () => {
    lab = await Lab.start();
    const outside = lab.otherHost();
    must('ip route add default via 192.0.2.2');
    const packets = new Packets();
    try {
      packets.serveTcp(outside, 8000, '192.0.2.2');
      const { netns } = await lab.join('client', ['bridge']);
      const isOpen = async () =>
        (await packets.ask({ from: netns, protocol: 'tcp', to: '192.0.2.2', port: 8000, patienceMs: 600 })) !== '';
      const advices = async () =>
        (await lab!.service.hostWarnings())
          .filter((text) => text.startsWith('firewalld drops '))
          .map((text) => text.split('. To let them pass: ')[1]!);
      await inBoth(['docker0']);
      await eventually(isOpen, (open) => assert.ok(open));
      const policy = (...options: string[]) =>
        options.map((option) => `firewall-cmd --permanent --policy=before_deny ${option}`);
      for (const command of [
        'firewall-cmd --permanent --new-policy=before_deny',
        ...policy('--add-ingress-zone=ANY', '--add-egress-zone=ANY', '--set-target=DROP', '--set-priority=-100'),
        'firewall-cmd --reload',
      ])
        must(command);
      assert.equal(await isOpen(), false);
      const [advice = '', ...others] = await advices();
      assert.deepEqual(others, []);
      assert.match(advice, / # the policy before_deny decides before /);
      must(advice);
      assert.ok(await isOpen());
      must('firewall-cmd --panic-on');
      assert.equal(await isOpen(), false);
      assert.deepEqual(await advices(), ['firewall-cmd --panic-off']);
      must('firewall-cmd --panic-off');
      assert.ok(await isOpen());
      assert.deepEqual(await advices(), []);
      // Without ways of ours there is none to be put first.
      must('firewall-cmd --permanent --zone=trusted --change-interface=docker0');
      Object.assign(lab.config, { firewallIntegration: false });
      await lab.restart();
      await eventually(advices, (found) =>
        assert.match(found.join(), /^firewall-cmd --permanent --info-policy=before_deny # change /),
      );
    } finally {
      packets.close();
      must(
        'firewall-cmd --permanent --delete-policy=before_deny; firewall-cmd --permanent --zone=trusted --remove-interface=docker0; firewall-cmd --reload',
      );
      shell('ip route del default');
    }
  });

  test('what the user calls as we call ours is left alone, and that is said', async () => {
    must(
      'firewall-cmd --permanent --new-zone=causeway && firewall-cmd --permanent --zone=causeway --add-interface=tap8 && firewall-cmd --permanent --new-policy=causeway-to && firewall-cmd --reload',
    );
    lab = await Lab.start();
    await eventually(troubles, (found) =>
      assert.match(found.join(), /firewalld has a policy causeway-to that the engine did not make/),
    );
    assert.deepEqual(running(), ['tap8']);
    must('firewall-cmd --permanent --delete-policy=causeway-to && firewall-cmd --reload');
    await lab.restart();
    await eventually(troubles, (found) =>
      assert.match(found.join(), /firewalld has a zone causeway that the engine did not make/),
    );
    await lab.stop();
    lab = undefined;
    assert.deepEqual(permanent(), ['tap8']);
  });
}
