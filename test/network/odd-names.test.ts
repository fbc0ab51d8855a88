/**
 * Names of interfaces that the kernel takes and nft's language, shells or JSON do not: refused where they would be
 * made, lived with where they are.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { foreignDrops } from '../../src/network/firewall/others/foreign-chains.ts';
import { RulesetReader } from '../../src/kernel/nftables/ruleset-reader.ts';
import type { NetworkRecord } from '../../src/model/network.ts';
import { enterTestHost } from './inside.ts';
import { askTcp, Lab, run } from './lab.ts';

if (enterTestHost()) {
  describe('names that nft cannot read', names);
  test('advice is a command whatever bridges are called', advice);
}

const sh = (command: string): void => assert.equal(run('bash', '--norc', '-c', command).code, 0, command);

function names(): void {
  let lab: Lab;
  let outside: string;
  before(async () => {
    // As another engine may have made them: a port of Docker's makes a bridge Docker's, whatever it is called.
    const foreign = [`'f"g'`, `'f*'`, `'f$(x)'`, `$'f\\xffg'`, `$'\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff'`];
    for (const [at, name] of foreign.entries())
      sh(
        `ip link add ${name} type bridge && ip link set ${name} up && ip link add veth0a1b2c${at} type veth peer name peer${at} && ip link set veth0a1b2c${at} master ${name}`,
      );
    lab = await Lab.start();
    outside = lab.otherHost();
  });
  after(() => lab.stop());

  test('those of others are followed', () => {
    const listed = run('nft', 'list', 'set', 'inet', 'causeway', 'other-engines').out;
    for (const name of ['"f"g"', '"f*"', '"f$(x)"']) assert.ok(listed.includes(name), listed);
  });

  test('a network that an earlier release made with one works, after its table is written anew too', async () => {
    const made = await lab.createNetwork('odd');
    await lab.withoutEngine(async () => {
      run('ip', 'link', 'del', made.bridgeName);
      run('nft', 'delete', 'table', 'inet', 'causeway');
      const record: NetworkRecord = {
        ...made,
        bridgeName: 'o"d*',
        options: {
          'com.docker.network.bridge.name': 'o"d*',
          'com.docker.network.bridge.trusted_host_interfaces': 'uplink:t"x:a-name-of-more-than-15-bytes',
        },
      };
      lab.store.networks.set(record.id, JSON.stringify(record));
    });
    const web = await lab.join('web', ['odd'], { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8088' }] } });
    lab.serveTcp(web.netns, 80);
    assert.equal(await askTcp(outside, '192.0.2.1', 8088), '192.0.2.2');
    run('nft', 'delete', 'table', 'inet', 'causeway');
    await lab.restart();
    assert.equal(await askTcp(outside, '192.0.2.1', 8088), '192.0.2.2');
    assert.equal(await askTcp(outside, web.endpoints[0]!.ipv4, 80), '192.0.2.2', 'the interface that is trusted is');
  });

  test('a new one is refused, wherever it is said', async () => {
    const option = (name: string, value: string) =>
      lab.createNetwork('refused', { options: { [`com.docker.network.bridge.${name}`]: value } });
    for (const name of ['a"b', 'a*', 'br%d', 'a\nb', 'all']) {
      await assert.rejects(option('name', name), {
        kind: 'invalid',
        message: /^invalid bridge name ".*": an interface /,
      });
      await assert.rejects(option('trusted_host_interfaces', `uplink:${name}`), {
        kind: 'invalid',
        message: /^failed to parse com\.docker\.network\.bridge\.trusted_host_interfaces value/,
      });
      await assert.rejects(lab.createNetwork('refused', { driver: 'macvlan', options: { parent: name } }), {
        kind: 'invalid',
        message: /^invalid parent interface name /,
      });
    }
    assert.equal(
      lab.service.networks().some((network) => network.name === 'refused'),
      false,
    );
  });

  test('a default bridge of such a name is refused at the start', async () => {
    await lab.withoutEngine(async () => {
      await assert.rejects(Lab.start({ defaultBridgeName: 'a"b' }), {
        kind: 'invalid',
        message: /^invalid bridge name "a\\"b": an interface name has at most/,
      });
    });
  });

  test('rules of others with bytes that are no text end nothing', async () => {
    sh(
      `nft -f - <<< $'table inet theirs { chain f { type filter hook forward priority 10; iifname "a\\xffb" drop; }; }'`,
    );
    try {
      await lab.restart();
      await lab.service.hostWarnings();
    } finally {
      run('nft', 'delete', 'table', 'inet', 'theirs');
    }
  });
}

async function advice(): Promise<void> {
  const bridges = ["q'; touch /tmp/x; '", 'd$(id)', 'plain'].map((name) => name.replaceAll(/[ /]/g, ''));
  const probed = bridges.map((bridge, at) => ({
    bridge,
    ipv4: `10.9.${at}.1`,
    ipv6: '',
    translated: true,
    uplink4: 'eth0',
    uplink6: '',
  }));
  const reader = RulesetReader.open();
  const said = async () =>
    (await foreignDrops(reader, probed, { marked: false, legacy: [] })).drops.map((drop) => drop.advice);
  try {
    for (const setUp of [
      `nft 'table inet theirs { chain f { type filter hook forward priority 10; policy drop; }; }'`,
      'iptables-nft -P FORWARD DROP',
    ]) {
      sh(setUp);
      const [command = '', ...others] = await said();
      assert.deepEqual(others, []);
      sh(command);
      assert.deepEqual(await said(), [], 'it helps');
      run('nft', 'flush', 'ruleset');
    }
  } finally {
    reader.close();
  }
}
