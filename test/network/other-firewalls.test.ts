/**
 * What is said of other firewalls on the host is what becomes of packets, for each network, and what is advised helps.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { daemonConfig } from '../../src/daemon/daemon-config.ts';
import { readDaemonOptions } from '../../src/daemon/options/read.ts';
import { examineHost } from '../../src/daemon/doctor-checks.ts';
import { foreignDrops } from '../../src/network/firewall/others/foreign-chains.ts';
import { RulesetReader } from '../../src/kernel/nftables/ruleset-reader.ts';
import { missingFirewall } from '../harness/host-firewall.ts';
import { OWN_RULE } from './firewall-page.ts';
import { enterTestHost } from './inside.ts';
import { Lab, run } from './lab.ts';
import { Packets } from './packets.ts';

/** A ruleset of somebody else, and what is dropped by it: '' nothing. The user's network is br-user. */
interface Case {
  readonly what: string;
  readonly commands: readonly string[];
  readonly program: string;
  /** 'docker0 out', 'docker0 in', 'br-user out', 'br-user in' */
  readonly drops: readonly string[];
}

const ALL = ['br-user in', 'br-user out', 'docker0 in', 'docker0 out'];
const theirs = (policy: string, ...rules: string[]) =>
  nft(
    `table inet theirs { set ours { type ifname; flags interval; elements = { "br-*", "docker*" }; }; chain forward { type filter hook forward priority 10; policy ${policy}; ct state established,related accept; ${rules.map((rule) => `${rule}; `).join('')}}; }`,
  );
const nft = (text: string) => `nft '${text}'`;
const iptables = (...commands: string[]) => commands.map((command) => `iptables-nft ${command}`);
const established = '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT';

const CASES: readonly Case[] = [
  { what: 'a policy', commands: [theirs('drop')], program: 'nftables', drops: ALL },
  { what: 'a reject at the end', commands: [theirs('accept', 'counter reject')], program: 'nftables', drops: ALL },
  {
    what: 'a drop for one bridge',
    commands: [theirs('accept', 'oifname "docker0" counter drop')],
    program: 'nftables',
    drops: ['docker0 in'],
  },
  {
    what: 'a drop for all interfaces but one',
    commands: [theirs('accept', 'iifname != "br-user" drop')],
    program: 'nftables',
    drops: ['br-user in', 'docker0 in', 'docker0 out'],
  },
  {
    what: 'a drop in a chain that is jumped to',
    commands: [
      nft(
        'table inet theirs { chain deep { drop; }; chain other { jump deep; }; chain forward { type filter hook forward priority 10; ct state established accept; goto other; }; }',
      ),
    ],
    program: 'nftables',
    drops: ALL,
  },
  {
    what: 'a jump for one bridge, with a return before the drop',
    commands: [
      nft(
        'table inet theirs { chain deep { oifname "br-user" return; drop; }; chain forward { type filter hook forward priority 10; ct state established accept; oifname { "docker0", "br-user" } jump deep; }; }',
      ),
    ],
    program: 'nftables',
    drops: ['docker0 in'],
  },
  {
    what: 'a verdict map of interfaces',
    commands: [theirs('accept', 'iifname vmap { "docker0" : drop, "br-user" : accept }')],
    program: 'nftables',
    drops: ['docker0 out'],
  },
  {
    what: 'a wildcard of interfaces',
    commands: [theirs('drop', 'iifname "br-*" accept', 'oifname "br-*" accept')],
    program: 'nftables',
    drops: ['docker0 in', 'docker0 out'],
  },
  {
    what: 'a named set with wildcards',
    commands: [theirs('drop', 'iifname @ours accept', 'oifname @ours accept')],
    program: '',
    drops: [],
  },
  {
    what: 'a concatenation of interfaces',
    commands: [theirs('drop', 'iifname . oifname { "docker0" . "uplink", "uplink" . "docker0" } accept')],
    program: 'nftables',
    drops: ['br-user in', 'br-user out'],
  },
  {
    what: 'addresses of containers',
    commands: [theirs('drop', 'ip saddr 172.16.0.0/12 accept')],
    program: 'nftables',
    drops: ['br-user in', 'docker0 in'],
  },
  {
    what: 'addresses of containers in a named set',
    commands: [
      nft(
        'table inet theirs { set inside { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 172.17.0.0/16 }; }; set hosts { type ipv4_addr; elements = { 203.0.113.7 }; }; chain forward { type filter hook forward priority 10; policy drop; ct state established,related accept; ip daddr @inside accept; ip saddr vmap { 203.0.113.8 : drop }; ip saddr @hosts drop; ip saddr @inside accept; }; }',
      ),
    ],
    program: 'nftables',
    drops: ['br-user in', 'br-user out'],
  },
  {
    what: 'a named map of addresses',
    commands: [
      nft(
        'table inet theirs { map who { type ipv4_addr : verdict; flags interval; elements = { 172.18.0.0/16 : drop, 10.0.0.0/8 : accept }; }; chain forward { type filter hook forward priority 10; ct state established,related accept; ip saddr vmap @who; }; }',
      ),
    ],
    program: 'nftables',
    drops: ['br-user out'],
  },
  {
    what: 'a protocol',
    commands: [
      nft(
        'table ip theirs { chain forward { type filter hook forward priority 10; policy drop; ct state established,related accept; ip protocol != tcp drop; ip protocol { tcp, udp } iifname "docker0" accept; ip protocol tcp oifname "docker0" accept; }; }',
      ),
    ],
    program: 'nftables',
    drops: ['br-user in', 'br-user out'],
  },
  {
    what: 'a protocol of iptables',
    commands: iptables('-P FORWARD DROP', established, '-A FORWARD -p tcp -j ACCEPT'),
    program: '',
    drops: [],
  },
  {
    what: 'translated connections',
    commands: [theirs('drop', 'ct status dnat accept')],
    program: 'nftables',
    drops: ['br-user out', 'docker0 out'],
  },
  {
    what: 'new connections',
    commands: [theirs('accept', 'ct state new iifname "docker0" drop')],
    program: 'nftables',
    drops: ['docker0 out'],
  },
  {
    what: 'an accept here and a drop there',
    commands: [
      theirs('accept', 'accept'),
      nft(
        'table ip theirs { chain forward { type filter hook forward priority 20; oifname "docker0" ct state new drop; }; }',
      ),
    ],
    program: 'nftables',
    drops: ['docker0 in'],
  },
  {
    what: 'what means others',
    commands: [
      theirs(
        'accept',
        'iifname "eth7" drop',
        'ip saddr 203.0.113.0/24 drop',
        'tcp dport 25 drop',
        'meta mark 0x77 drop',
        'ct state invalid drop',
      ),
    ],
    program: '',
    drops: [],
  },
  { what: 'a policy of iptables', commands: iptables('-P FORWARD DROP', established), program: 'iptables', drops: ALL },
  {
    what: 'iptables with an interface',
    commands: iptables(
      '-P FORWARD DROP',
      established,
      '-A FORWARD -i br-+ -j ACCEPT',
      '-A FORWARD -o docker0 -m conntrack --ctstate NEW -j ACCEPT',
    ),
    program: 'iptables',
    drops: ['br-user in', 'docker0 out'],
  },
  {
    what: 'another table of iptables',
    commands: iptables('-t mangle -A FORWARD -i docker0 -m conntrack --ctstate NEW -j DROP'),
    program: 'iptables',
    drops: ['docker0 out'],
  },
  {
    what: 'iptables with a chain of its own',
    commands: iptables(
      '-N filters',
      '-A filters -i docker0 -j REJECT',
      established,
      '-A FORWARD ! -i br-user -j filters',
    ),
    program: 'iptables',
    drops: ['docker0 out'],
  },
  {
    what: 'iptables with a mark, a comment and a port',
    commands: iptables(
      '-A FORWARD -m mark --mark 0x7 -j DROP',
      '-A FORWARD -m comment --comment "all -j DROP" -p tcp --dport 25 -j DROP',
      '-A FORWARD -p udp -j DROP',
    ),
    program: '',
    drops: [],
  },
  {
    what: 'what Docker left behind',
    commands: iptables(
      '-P FORWARD DROP',
      '-N DOCKER-USER',
      '-A DOCKER-USER -j RETURN',
      '-A FORWARD -j DOCKER-USER',
      established,
    ),
    program: 'Docker',
    drops: ALL,
  },
];

function scenarios(): void {
  let lab: Lab;
  let outside: string;
  const packets = new Packets();
  const ports: Record<string, number> = { docker0: 8080, 'br-user': 8081 };
  const netns: Record<string, string> = {};

  const start = async (firewallIntegration: boolean) => {
    lab = await Lab.start({ firewallIntegration });
    outside = lab.otherHost();
    run('ip', 'route', 'add', 'default', 'via', '192.0.2.2');
    packets.serveTcp(outside, 8000, '192.0.2.2');
    await lab.createNetwork('user', { options: { 'com.docker.network.bridge.name': 'br-user' } });
    for (const [network, bridge] of [
      ['bridge', 'docker0'],
      ['user', 'br-user'],
    ] as const) {
      const web = await lab.join(`web-${network}`, [network], {
        portBindings: { '80/tcp': [{ hostIp: '', hostPort: String(ports[bridge]) }] },
      });
      packets.serveTcp(web.netns, 80, '0.0.0.0');
      netns[bridge] = web.netns;
    }
  };
  const clear = () => {
    for (const table of ['inet theirs', 'ip theirs', 'ip filter', 'ip mangle', 'ip6 filter'])
      run('sh', '-c', `nft delete table ${table} 2>/dev/null`);
  };
  after(() => packets.close());

  const closed = async (): Promise<string[]> => {
    const tried = Object.keys(ports).flatMap((bridge) => [
      {
        name: `${bridge} in`,
        question: { from: outside, protocol: 'tcp' as const, to: '192.0.2.1', port: ports[bridge]! },
      },
      {
        name: `${bridge} out`,
        question: { from: netns[bridge]!, protocol: 'tcp' as const, to: '192.0.2.2', port: 8000 },
      },
    ]);
    const found = await Promise.all(
      tried.map(async ({ name, question }) =>
        (await packets.ask({ ...question, patienceMs: 600 })) === '' ? [name] : [],
      ),
    );
    return found.flat().sort();
  };
  const said = async () =>
    (await lab.service.hostWarnings()).flatMap((text) => {
      const match = /^(\S+) drops (.*) of containers on (.*) \(chain "(.*)": (.*)\)\. To let them pass: (.*)$/.exec(
        text,
      );
      if (!match) return [];
      const [, program = '', what = '', bridges = '', , , advice = ''] = match;
      const sides = [...(what.includes('outgoing') ? ['out'] : []), ...(what.includes('published') ? ['in'] : [])];
      return [
        { program, drops: bridges.split(', ').flatMap((bridge) => sides.map((side) => `${bridge} ${side}`)), advice },
      ];
    });

  const doctor = async (firewallIntegration: boolean) =>
    (
      await examineHost(
        daemonConfig(
          readDaemonOptions(['--config-file', '/dev/null', `--firewall-integration=${firewallIntegration}`]),
        ),
      )
    ).filter(({ subject }) => subject === 'other firewalls');

  describe('by what becomes of packets', () => {
    before(() => start(false));
    after(() => lab.stop());
    afterEach(clear);
    for (const { what, commands, program, drops } of CASES) {
      test(what, async () => {
        for (const command of commands) assert.equal(run('sh', '-c', command).code, 0, command);
        assert.deepEqual(await closed(), drops, 'the case is what it says');
        const found = await said();
        assert.deepEqual([...new Set(found.map((one) => one.program))], program === '' ? [] : [program]);
        // One sentence may name two networks of which one is concerned in one direction only.
        const named = new Set(found.flatMap((one) => one.drops));
        assert.deepEqual(
          drops.filter((one) => !named.has(one)),
          [],
        );
        assert.deepEqual(
          [...new Set([...named].map((one) => one.split(' ')[0]))].sort(),
          [...new Set(drops.map((one) => one.split(' ')[0]))].sort(),
        );
        for (const { advice } of found) assert.equal(run('sh', '-c', advice).code, 0, advice);
        assert.deepEqual(await closed(), []);
        assert.deepEqual(await said(), [], 'a cure ends the warning');
      });
    }

    for (const [what, routes, undo, rules, expected] of [
      [
        'by an interface without a gateway',
        ['ip route replace default dev uplink'],
        ['ip route replace default via 192.0.2.2'],
        ['oifname "uplink" accept', 'iifname "uplink" accept'],
        [],
      ],
      [
        'by a VPN that leads all elsewhere by routes of its own',
        ['ip route add 0.0.0.0/1 dev vpn0', 'ip route add 128.0.0.0/1 dev vpn0'],
        ['ip route del 0.0.0.0/1 dev vpn0', 'ip route del 128.0.0.0/1 dev vpn0'],
        ['oifname "vpn0" accept', 'iifname "vpn0" accept'],
        [],
      ],
      [
        'by a VPN for one network, by a rule of routing',
        ['ip route add default dev vpn0 table 100', 'ip rule add iif docker0 lookup 100'],
        ['ip rule del iif docker0 lookup 100', 'ip route del default dev vpn0 table 100'],
        ['oifname "vpn0" accept', 'iifname "vpn0" accept'],
        ['br-user in', 'br-user out'],
      ],
    ] as const) {
      test(`packets are those that leave where containers' do: ${what}`, async () => {
        run('sh', '-c', 'ip link add vpn0 type bridge; ip address add 10.99.0.1/30 dev vpn0; ip link set vpn0 up');
        try {
          for (const command of [...routes, theirs('drop', ...rules)])
            assert.equal(run('sh', '-c', command).code, 0, command);
          assert.deepEqual([...new Set((await said()).flatMap((one) => one.drops))].sort(), expected);
          const fromDoctor = (await doctor(false)).filter(({ level }) => level === 'warn').map(({ text }) => text);
          assert.deepEqual(
            fromDoctor.map((text) => text.includes('docker0')),
            expected.length === 0 ? [] : [false],
            fromDoctor.join(),
          );
        } finally {
          for (const command of undo) run('sh', '-c', command);
          run('ip', 'link', 'del', 'vpn0');
        }
      });
    }

    for (const [what, command, drops, words] of [
      [
        'before routing, in a table of the user',
        nft(
          'table inet theirs { chain early { type filter hook prerouting priority -150; ct state established,related accept; iifname "docker0" drop; }; }',
        ),
        ['docker0 out'],
        /^nftables drops outgoing traffic of containers on docker0 \(chain "inet theirs early": iifname "docker0" drop\)\. To let them pass: nft -a list chain inet theirs early #/,
      ],
      [
        "before routing, in iptables' raw table",
        'iptables-nft -t raw -A PREROUTING -i br-user -j DROP',
        ['br-user in', 'br-user out'],
        /^iptables drops outgoing traffic of containers on br-user \(chain "ip raw PREROUTING": iifname "br-user" drop\)\. To let them pass: iptables -t raw -S PREROUTING #/,
      ],
      [
        'behind routing',
        nft(
          'table inet theirs { chain late { type filter hook postrouting priority 0; ct state established accept; oifname "uplink" iifname "docker0" drop; }; }',
        ),
        ['docker0 out'],
        /^nftables drops outgoing traffic of containers on docker0 \(chain "inet theirs late": /,
      ],
      [
        'in a chain of type nat, before a packet is led',
        nft(
          'table inet theirs { chain early { type nat hook prerouting priority -101; iifname "uplink" ip saddr 203.0.113.0/24 accept; iifname "uplink" drop; }; }',
        ),
        ['br-user in', 'docker0 in'],
        /^nftables drops connections to published ports of containers on docker0, br-user \(chain "inet theirs early": iifname "uplink" drop\)\. To let them pass: nft -a list chain inet theirs early #/,
      ],
      [
        'in a chain of type nat behind routing, but for what it translates',
        nft(
          'table ip theirs { chain late { type nat hook postrouting priority 90; policy drop; iifname "br-user" masquerade; oifname "br-user" accept; oifname "docker0" accept; }; }',
        ),
        ['docker0 out'],
        /^nftables drops outgoing traffic of containers on docker0 \(chain "ip theirs late": policy drop\)/,
      ],
      [
        'among the frames of a bridge',
        nft('table bridge theirs { chain forward { type filter hook forward priority 0; policy drop; }; }'),
        [],
        /^nftables drops bridged traffic of containers on docker0, br-user \(chain "bridge theirs forward": policy drop\)/,
      ],
      [
        'but for some packets in a second',
        'iptables-nft -P FORWARD DROP; iptables-nft -A FORWARD -m limit --limit 1/hour --limit-burst 1 -j ACCEPT',
        undefined,
        /^iptables drops outgoing traffic and connections to published ports of containers on docker0, br-user /,
      ],
    ] as const) {
      test(`what is dropped elsewhere than on the way is named with the place to look at: ${what}`, async () => {
        assert.equal(run('sh', '-c', command).code, 0, command);
        try {
          if (drops !== undefined) assert.deepEqual(await closed(), drops);
          const warnings = (await lab.service.hostWarnings()).filter((text) => text.includes(' drops '));
          assert.equal(warnings.length, 1, warnings.join('\n'));
          assert.match(warnings[0]!, words);
          const [, advice = ''] = warnings[0]!.split('To let them pass: ');
          assert.equal(run('sh', '-c', advice).code, 0, advice);
          assert.deepEqual(
            (await doctor(false)).map(({ level }) => level),
            [advice.includes(' -I ') ? 'ok' : 'warn'],
            'it is a cure, or none that a program can know',
          );
        } finally {
          for (const table of ['bridge theirs', 'ip raw']) run('sh', '-c', `nft delete table ${table} 2>/dev/null`);
        }
      });
    }

    test('chains of type nat that ours leave nothing to, or that pass what is not special, are no reason to warn', async () => {
      for (const rules of [
        'chain pre { type nat hook prerouting priority -99; iifname "uplink" drop; }',
        'chain post { type nat hook postrouting priority 101; oifname "uplink" drop; }',
        'chain pre { type nat hook prerouting priority -101; tcp dport 25 drop; ip saddr 203.0.113.7 drop; }',
      ]) {
        assert.equal(run('sh', '-c', nft(`table inet theirs { ${rules}; }`)).code, 0);
        assert.deepEqual(await closed(), [], rules);
        assert.deepEqual(await said(), [], rules);
        clear();
      }
    });

    test('the doctor reports the same, and where the engine will open a way', async () => {
      for (const command of iptables('-P FORWARD DROP', established)) assert.equal(run('sh', '-c', command).code, 0);
      const [warning, ...others] = await doctor(false);
      assert.deepEqual([warning?.level, others], ['warn', []]);
      assert.match(
        warning!.text,
        /^iptables drops outgoing traffic and connections to published ports of containers on docker0, br-user /,
      );
      assert.deepEqual(
        (await doctor(true)).map(({ level, advice }) => [level, advice]),
        [['note', undefined]],
      );
      assert.equal(run('sh', '-c', warning!.advice!).code, 0);
      assert.deepEqual(
        (await doctor(false)).map(({ level }) => level),
        ['ok'],
      );
    });

    test('networks are listed in one order, and the doctor repeats nothing', async () => {
      for (const command of iptables('-P FORWARD DROP', established)) assert.equal(run('sh', '-c', command).code, 0);
      const networks = ['br-b', 'causeway0', 'br-a'].map((bridge, n) => ({
        bridge,
        ipv4: `172.2${n}.0.1`,
        ipv6: '',
        translated: true,
        uplink4: 'uplink',
        uplink6: '',
      }));
      const reader = RulesetReader.open();
      try {
        for (const asked of [networks, networks.toReversed()]) {
          const { drops } = await foreignDrops(reader, asked, { marked: false, legacy: [] });
          assert.deepEqual(
            drops.map(({ bridges }) => bridges),
            [['causeway0', 'br-a', 'br-b']],
          );
        }
      } finally {
        reader.close();
      }
    });

    test("iptables' own tables, which nft does not show", async (t) => {
      const missing = missingFirewall('iptables-legacy, policy DROP');
      if (missing !== undefined) return t.skip(missing);
      assert.equal(
        run('iptables-legacy', '-A', 'FORWARD', '-o', 'docker0', '-m', 'conntrack', '--ctstate', 'NEW', '-j', 'DROP')
          .code,
        0,
      );
      try {
        assert.deepEqual(await closed(), ['docker0 in']);
        const [drop] = await said();
        assert.deepEqual([drop?.program, drop?.drops], ['iptables-legacy', ['docker0 in']]);
        assert.equal(run('sh', '-c', drop!.advice).code, 0);
        assert.deepEqual(await closed(), []);
        assert.deepEqual(await said(), []);
      } finally {
        run('iptables-legacy', '-F', 'FORWARD');
      }
    });
  });

  describe('where way is made', () => {
    before(() => {
      writeFileSync('/proc/sys/net/ipv4/ip_forward', '1'); // a router before: strangers are not dropped by us
      return start(true);
    });
    after(() => lab.stop());
    afterEach(clear);
    const eventually = async (wanted: readonly string[]) => {
      for (const end = Date.now() + 60_000; Date.now() < end;)
        if (JSON.stringify(await closed()) === JSON.stringify(wanted)) return;
      assert.deepEqual(await closed(), wanted);
    };
    /** None are said while way is being made. */
    const saidInTheEnd = async () => {
      for (const end = Date.now() + 60_000; Date.now() < end;) {
        const found = await said();
        if (found.length > 0) return found;
      }
      return [];
    };

    test('rules of iptables need no cure, and those of nft are named and left alone', async () => {
      for (const command of iptables('-P FORWARD DROP', '-A FORWARD -p tcp -j REJECT'))
        assert.equal(run('sh', '-c', command).code, 0);
      await eventually([]);
      assert.deepEqual(await said(), []);
      assert.equal(run('sh', '-c', theirs('drop')).code, 0);
      assert.deepEqual(await closed(), ALL);
      assert.deepEqual(
        (await said()).map(({ program }) => program),
        ['nftables'],
      );
      assert.deepEqual(
        (await doctor(true)).map(({ level, advice }) => [level, advice]),
        [['warn', (await said())[0]!.advice]],
      );
      assert.doesNotMatch(run('nft', 'list', 'table', 'inet', 'theirs').out, /causeway/i);
      const command = OWN_RULE.replace('filter forward', 'theirs forward');
      assert.equal((await said())[0]!.advice, command, 'one rule for all networks, also those that come');
      assert.equal(run('sh', '-c', command).code, 0, command);
      assert.deepEqual(await closed(), []);
      assert.deepEqual(await said(), [], 'a look at the mark is a cure');
    });

    test('bans of the administrator count, also those that come later, and none of them alone is reason for a jump', async () => {
      run('ip', 'address', 'add', '198.51.100.1/24', 'dev', 'uplink');
      run('nsenter', `--net=${outside}`, 'ip', 'address', 'add', '198.51.100.7/24', 'dev', 'eth0');
      const ask = (source: string) =>
        packets.ask({
          from: outside,
          protocol: 'tcp',
          to: '192.0.2.1',
          port: ports['br-user']!,
          source,
          patienceMs: 600,
        });
      const forward = () =>
        run('iptables-nft', '-S', 'FORWARD')
          .out.split('\n')
          .filter((line) => line.startsWith('-A'))
          .map((line) => line.split(' ').at(-1));
      try {
        assert.notEqual(await ask('198.51.100.7'), '');
        for (const command of iptables('-A FORWARD -s 198.51.100.7 -j DROP'))
          assert.equal(run('sh', '-c', command).code, 0);
        await lab.restart();
        assert.deepEqual(forward(), ['DROP']);
        assert.equal(await ask('198.51.100.7'), '');
        for (const command of iptables('-P FORWARD DROP')) assert.equal(run('sh', '-c', command).code, 0);
        await eventually([]);
        assert.equal(await ask('198.51.100.7'), '');
        for (const command of iptables('-F FORWARD')) assert.equal(run('sh', '-c', command).code, 0);
        await eventually([]);
        assert.notEqual(await ask('198.51.100.7'), '');
        for (const command of iptables('-A FORWARD -s 198.51.100.7 -j DROP'))
          assert.equal(run('sh', '-c', command).code, 0);
        for (const end = Date.now() + 60_000; Date.now() < end && forward()[0] !== 'DROP';) await ask('192.0.2.2');
        assert.deepEqual(forward(), ['DROP', 'CAUSEWAY-FORWARD']);
        assert.equal(await ask('198.51.100.7'), '');
        assert.deepEqual(await closed(), []);
      } finally {
        run('ip', 'address', 'del', '198.51.100.1/24', 'dev', 'uplink');
      }
    });

    test('with --ip6tables=false way is made for IPv4 alone, and what was there for IPv6 goes', async () => {
      const chains = (program: string) =>
        run(program, '-S')
          .out.split('\n')
          .filter((line) => line.includes('CAUSEWAY')).length;
      for (const command of [...iptables('-P FORWARD DROP'), 'ip6tables-nft -P FORWARD DROP'])
        assert.equal(run('sh', '-c', command).code, 0);
      await lab.restart();
      assert.ok(chains('iptables-nft') > 0 && chains('ip6tables-nft') > 0);
      Object.assign(lab.config, { ip6tablesWay: false });
      try {
        await lab.restart();
        assert.ok(chains('iptables-nft') > 0);
        assert.equal(chains('ip6tables-nft'), 0);
        assert.equal(run('ip6tables-nft', '-A', 'FORWARD', '-s', '2001:db8::7', '-j', 'DROP').code, 0);
        assert.equal(run('iptables-nft', '-F', 'FORWARD').code, 0);
        await eventually([]);
        assert.equal(chains('ip6tables-nft'), 0, 'a change of theirs is no reason to write there');
      } finally {
        Object.assign(lab.config, { ip6tablesWay: true });
      }
    });

    test("a chain of the user's that is called like ours is left alone, and that is said", async () => {
      for (const command of iptables(
        '-N CAUSEWAY-FORWARD',
        '-A CAUSEWAY-FORWARD -s 198.51.100.7 -j LOG',
        '-P FORWARD DROP',
      ))
        assert.equal(run('sh', '-c', command).code, 0);
      await lab.restart();
      assert.match(
        (await lab.service.hostWarnings()).join('\n'),
        /the chain CAUSEWAY-FORWARD of iptables has rules that are not the engine's: it is left alone/,
      );
      assert.match(run('iptables-nft', '-S', 'CAUSEWAY-FORWARD').out, /-s 198\.51\.100\.7/);
      clear();
      await eventually([]);
    });

    test("a table of the user's own is not written to because its names are those of iptables, and its bans count", async () => {
      const table = `table ip filter { set banned { type ipv4_addr; }; chain FORWARD { type filter hook forward priority filter; policy drop; ip saddr @banned drop; ip saddr 192.0.2.2 tcp dport 80 drop; }; }`;
      assert.equal(run('sh', '-c', nft(table)).code, 0);
      const list = () => run('nft', '-s', 'list', 'table', 'ip', 'filter').out;
      const written = list();
      await lab.restart();
      assert.equal(list(), written);
      assert.deepEqual(await closed(), ALL);
      const [drop, ...others] = await saidInTheEnd();
      assert.deepEqual(
        [drop?.program, drop?.advice, others],
        ['nftables', OWN_RULE.replace('inet filter forward', 'ip filter FORWARD'), []],
      );
      run('nft', 'add element ip filter banned { 198.51.100.7 }');
      run('nft', 'add rule ip filter FORWARD ip saddr 198.51.100.8 drop');
      await said();
      assert.match(
        list(),
        /policy drop;\n\t\tip saddr @banned drop\n\t\tip saddr 192\.0\.2\.2 tcp dport 80 drop\n\t\tip saddr 198/,
      );
      assert.doesNotMatch(list(), /CAUSEWAY/);
    });

    test("rules in DOCKER-USER count, whether Docker's jump is there or not", async () => {
      for (const command of iptables(
        '-P FORWARD DROP',
        '-N DOCKER-USER',
        '-A DOCKER-USER -i docker0 -m conntrack --ctstate NEW -j DROP',
        established,
      ))
        assert.equal(run('sh', '-c', command).code, 0);
      await eventually(['docker0 out']);
      assert.deepEqual(
        (await saidInTheEnd()).map(({ program, drops }) => [program, drops]),
        [['Docker', ['docker0 out']]],
      );
      assert.equal(run('iptables-nft', '-I', 'FORWARD', '-j', 'DOCKER-USER').code, 0);
      await eventually(['docker0 out']);
      assert.equal(run('iptables-nft', '-F', 'DOCKER-USER').code, 0);
      await eventually([]);
    });

    for (const [kind, program] of [
      ['nf_tables', 'iptables-nft'],
      ['the older kind', 'iptables-legacy'],
    ] as const) {
      test(`rules in DOCKER-USER count also where nothing else drops: ${kind}`, async (t) => {
        const missing = kind === 'nf_tables' ? undefined : missingFirewall('iptables-legacy, policy DROP');
        if (missing !== undefined) return t.skip(missing);
        const change = (...args: string[]) => assert.equal(run(program, ...args).code, 0, args.join(' '));
        change('-N', 'DOCKER-USER');
        try {
          change('-A', 'DOCKER-USER', '-i', 'uplink', '-m', 'conntrack', '--ctstate', 'NEW', '-j', 'DROP');
          await eventually(['br-user in', 'docker0 in']);
          assert.deepEqual(
            (await saidInTheEnd()).map((found) => [found.program, found.drops.sort()]),
            [['Docker', ['br-user in', 'docker0 in']]],
          );
          change('-I', 'FORWARD', '-o', 'docker0', '-j', 'ACCEPT');
          await eventually(['br-user in', 'docker0 in']);
          change('-F', 'DOCKER-USER');
          await eventually([]);
          assert.doesNotMatch(run(program, '-S').out, /CAUSEWAY/, 'nothing is accepted by it');
        } finally {
          for (const args of [
            ['-F', 'FORWARD'],
            ['-F', 'DOCKER-USER'],
            ['-X', 'DOCKER-USER'],
          ])
            run(program, ...args);
        }
      });
    }

    test('bridges whose zone waits for a reload of firewalld need nothing but that', async (t) => {
      const missing = missingFirewall('firewalld');
      if (missing !== undefined) return t.skip(missing);
      // One that does not run, whatever this machine has.
      const path = process.env['PATH'];
      writeFileSync(join(lab.dir, 'firewall-cmd'), '#!/bin/sh\nexit 252\n', { mode: 0o755 });
      process.env['PATH'] = `${lab.dir}:${path}`;
      const zones = join(lab.dir, 'zones');
      mkdirSync(join(zones, 'zones'), { recursive: true });
      assert.equal(run('mount', '--bind', zones, '/etc/firewalld').code, 0);
      try {
        assert.equal(
          run(
            'sh',
            '-c',
            nft(
              'table inet firewalld { chain filter_FORWARD { type filter hook forward priority 10; ct state established accept; reject; }; }',
            ),
          ).code,
          0,
        );
        const advised = async () => {
          for (const end = Date.now() + 60_000; Date.now() < end;) {
            const found = await said(); // none while way is being made
            if (found.length > 0) return found.map(({ advice }) => advice).join();
          }
          return '';
        };
        assert.match(await advised(), /--zone=trusted/);
        writeFileSync(
          join(zones, 'zones/causeway.xml'),
          '<zone><interface name="docker0"/><interface name="br-user"/></zone>',
        );
        run('nft', 'add chain inet firewalld news');
        assert.equal(await advised(), 'firewall-cmd --reload');
      } finally {
        run('nft', 'delete table inet firewalld');
        run('umount', '/etc/firewalld');
        process.env['PATH'] = path;
      }
    });

    test('the mark that others save and restore contains no bit of the engine', async () => {
      // CONNMARK --save-mark in a forward chain, --restore-mark before routing: policy routing by such marks would miss
      // its value.
      const rules = `table ip theirs { counter restored {}; counter seen {};
        chain pre { type filter hook prerouting priority -150; ct mark & 0x7 == 0x5 meta mark set ct mark counter name seen; meta mark & 0x08000000 != 0 counter name restored; };
        chain late { type filter hook forward priority 10; oifname "docker0" meta mark set meta mark | 0x5; oifname "docker0" ct mark set meta mark; }; }`;
      for (const command of [...iptables('-P FORWARD DROP'), nft(rules)])
        assert.equal(run('sh', '-c', command).code, 0, command);
      const count = (name: string) =>
        Number(/packets (\d+)/.exec(run('nft', 'list', 'counter', 'ip', 'theirs', name).out)?.[1]);
      await eventually([]);
      assert.ok(count('seen') > 0);
      assert.equal(count('restored'), 0);
    });

    test('what carries the mark without being of containers is not let through by it, and other bits stay', async () => {
      const marks = `table ip theirs { counter strangers {}; counter ours {}; counter left {};
        chain pre { type filter hook prerouting priority -150; iifname "uplink" meta mark set 0x08000001; };
        chain late { type filter hook forward priority 600; ip daddr 10.99.0.2 counter name strangers; oifname "docker0" meta mark 1 counter name ours; meta mark & 0x08000000 != 0 counter name left; }; }`;
      run(
        'sh',
        '-c',
        'ip link add other0 type bridge; ip address add 10.99.0.1/24 dev other0; ip link set other0 up; ip neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev other0',
      );
      try {
        for (const command of [...iptables('-P FORWARD DROP', established), nft(marks)])
          assert.equal(run('sh', '-c', command).code, 0, command);
        const count = (name: string) =>
          Number(/packets (\d+)/.exec(run('nft', 'list', 'counter', 'ip', 'theirs', name).out)?.[1]);
        const ask = () => packets.ask({ from: outside, protocol: 'tcp', to: '10.99.0.2', port: 80, patienceMs: 400 });
        await eventually([]);
        await ask();
        assert.equal(count('strangers'), 0);
        assert.match(
          (await lab.service.hostWarnings()).join('\n'),
          /^packets from uplink to other0 come with the bit 0x8000000 in their mark \(IPv4, \d+ in the last hour\)/m,
        );
        assert.ok(count('ours') > 0);
        run('iptables-nft', '-P', 'FORWARD', 'ACCEPT');
        await ask();
        assert.ok(count('strangers') > 0, 'it was the policy that stopped it');
        assert.equal(count('left'), 0, 'the mark is for the forward hook only');
      } finally {
        run('ip', 'link', 'del', 'other0');
      }
    });
  });
}

if (enterTestHost()) describe('other firewalls', scenarios);
