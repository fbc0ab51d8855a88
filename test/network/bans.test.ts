/**
 * Bans of clients, as administrators and fail2ban make them, and firewalld's zones that let nothing in: which of them
 * hold for published ports.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { HostFirewall, missingFirewall, must } from '../harness/host-firewall.ts';
import { asOnTestHost, BANS } from './ban-cases.ts';
import { enterTestHost } from './inside.ts';
import { Lab, run } from './lab.ts';
import { Packets } from './packets.ts';

const CLIENT = '192.0.2.2';

function scenarios(withFirewalld: boolean, inputPolicy: boolean): void {
  let firewall: HostFirewall | undefined;
  let lab: Lab;
  let outside: string;
  const packets = new Packets();
  before(async () => {
    if (withFirewalld) {
      firewall = new HostFirewall('firewalld');
      await firewall.start();
      must('firewall-cmd --permanent --add-port=8080/tcp');
    }
    lab = await Lab.start({ inputPolicy });
    outside = lab.otherHost();
    const web = await lab.join('web', ['bridge'], { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] } });
    packets.serveTcp(web.netns, 80, '0.0.0.0');
    // The reload with which the daemon's zone comes forgets what is there at runtime only.
    if (withFirewalld)
      await until(
        'the zone of the daemon',
        () => run('nft', 'list', 'chain', 'inet', 'firewalld', 'filter_FWD_causeway').code === 0,
      );
  });
  after(async () => {
    packets.close();
    await lab.stop();
    await firewall?.stop();
  });

  const isOpen = async () =>
    (await packets.ask({ from: outside, protocol: 'tcp', to: '192.0.2.1', port: 8080, patienceMs: 600 })) !== '';
  const until = async (what: string, test: () => boolean | Promise<boolean>) => {
    for (const end = Date.now() + 60_000; !(await test()); await new Promise(setImmediate))
      assert.ok(Date.now() < end, what);
  };

  for (const { words, commands, undo, holds } of BANS.filter((ban) => (ban.firewalld ?? false) === withFirewalld)) {
    const isClosed = holds || inputPolicy;
    test(`${isClosed ? 'holds' : 'does not hold'}: ${words}`, async (t) => {
      if (commands.some((command) => command.startsWith('ipset')) && run('sh', '-c', 'command -v ipset').code !== 0)
        return t.skip('ipset is not installed');
      await until('open before', isOpen);
      for (const command of commands) must(asOnTestHost(command, CLIENT, 'uplink'));
      // DOCKER-USER counts once the daemon leads there.
      if (isClosed) await until('closed', async () => !(await isOpen()));
      else assert.ok(await isOpen());
      for (const command of undo) must(asOnTestHost(command, CLIENT, 'uplink'));
      await until('open without it', isOpen);
    });
  }

  if (!withFirewalld || !inputPolicy) return;
  test('an interface in the zone drop has the ports open that are opened in that zone', async () => {
    must('firewall-cmd --zone=drop --change-interface=uplink');
    assert.equal(await isOpen(), false);
    must('firewall-cmd --zone=drop --add-port=8080/tcp');
    assert.ok(await isOpen());
  });
}

if (enterTestHost()) {
  for (const [inputPolicy, mode] of [
    [false, 'by default'],
    [true, 'with --respect-input-policy'],
  ] as const) {
    describe(`a ban, ${mode}, in firewalld`, { skip: missingFirewall('firewalld') ?? false }, () =>
      scenarios(true, inputPolicy),
    );
    describe(`a ban, ${mode}`, { skip: missingFirewall('iptables, policy DROP') ?? false }, () =>
      scenarios(false, inputPolicy),
    );
  }
}
