/**
 * Each command that docs/firewalls.md, docs/ports.md and the README give about firewalls is run word for word, and
 * packets show what it is for: here on a real daemon behind the real programs, unless firewalls.test.ts (COMMANDS of
 * firewall-page.ts) or bans.test.ts (BANS) do. --respect-input-policy behind ufw and firewalld.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { HostFirewall, missingFirewall, must, shell, type FirewallName } from '../harness/host-firewall.ts';
import { Host } from '../harness/host.ts';
import { missing as missingEngine, OtherEngine } from '../harness/other-engine.ts';
import { BANS } from './ban-cases.ts';
import { allCommands, OWN_RULE } from './firewall-page.ts';
import { OUTSIDE, UPLINK, VERSIONS, type Version } from './firewall-world.ts';
import { enterTestHost, testHostName } from './inside.ts';
import { codeIn, codeOfPages } from './page-commands.ts';
import { PageWorld, RAN } from './page-world.ts';

let world: PageWorld;
const run = (command: string) => world.run(command);
const published = (port: number, version: Version, wanted: boolean, why: string) =>
  world.becomes(`${port} over IPv${version}, ${why}`, wanted, () => world.published(port, version));

/** A daemon behind a firewall; undefined: behind none. */
function behind(name: FirewallName | undefined, flags: readonly string[], scenarios: () => void): void {
  describe(`behind ${name ?? 'none'}: ${flags.join(' ')}`, { skip: (name && missingFirewall(name)) ?? false }, () => {
    let firewall: HostFirewall | undefined;
    before(async () => {
      firewall = name && new HostFirewall(name);
      await firewall?.start();
      world = await PageWorld.build(...flags);
    });
    after(async () => {
      await world?.stop();
      await firewall?.stop();
      shell('nft flush ruleset');
    });
    scenarios();
  });
}

/** The commands that open a port to the host itself, and close it again. */
interface Opener {
  readonly open: (port: number) => string;
  readonly close: (port: number) => string;
  readonly reload: string;
  /** Makes what is open outlive the reload. */
  readonly keep?: string;
}

const UFW: Opener = {
  open: (port) => `ufw allow ${port}`,
  close: (port) => `ufw delete allow ${port}`,
  reload: 'ufw reload',
};
// Its --runtime-to-permanent writes no port away.
const FIREWALLD: Opener = {
  open: (port) => `firewall-cmd --add-port=${port}/tcp`,
  close: (port) => `firewall-cmd --remove-port=${port}/tcp; firewall-cmd --permanent --remove-port=${port}/tcp`,
  reload: 'firewall-cmd --reload',
  keep: 'firewall-cmd --runtime-to-permanent',
};

/** What the host closes stays closed until it opens it: a published port with the mode, over both versions. */
function respectsInput({ open, close, reload, keep }: Opener): void {
  const both = async (wanted: boolean, why: string) => {
    // `web` has IPv4 alone: over IPv6 it is the daemon that listens. `dual` is led there in both.
    for (const port of [8080, 8081]) for (const version of VERSIONS) await published(port, version, wanted, why);
  };
  const each = async (command: (port: number) => string) => {
    for (const port of [8080, 8081]) await run(command(port));
  };
  test(`a published port is closed until ${open(8080)}, and closed again after ${close(8080)}, over a reload too`, async () => {
    await both(false, 'as it comes');
    await run(reload);
    await both(false, 'after a reload');
    await run(open(8080));
    for (const version of VERSIONS) {
      await published(8080, version, true, 'opened');
      await published(8081, version, false, 'which nobody opened');
    }
    await run(open(8081));
    await both(true, 'opened');
    if (keep) await run(keep);
    await run(reload);
    await both(true, 'opened, after a reload');
    await each(close);
    await both(false, 'closed again');
    await run(reload);
    await both(false, 'closed again, after a reload');
  });
  test('and so after the daemon has started again', async () => {
    await world.engine.restart();
    await both(false, 'after a restart');
    await each(open);
    await both(true, 'opened');
    await each(close);
    await both(false, 'closed again');
  });
  test('this host and other containers reach it whatever the policy', async () => {
    const reaches = (from: string | undefined, port: number) =>
      world.becomes(`${port} from ${from ?? 'this host'}`, true, () =>
        world.open({ from, protocol: 'tcp', to: UPLINK[4], port }),
      );
    for (const from of [undefined, world.netnsOf('dual')]) await reaches(from, 8080);
    for (const from of [undefined, world.netnsOf('web')]) await reaches(from, 8081);
  });
}

/** As the mode is off: a port that is led to a container is open, one that the daemon serves is the host's. */
function asTheyCome({ open, close }: Opener): void {
  test(`the port of a container without IPv6 at an IPv6 address is open after ${open(8080)} alone, others are in any case`, async () => {
    for (const version of VERSIONS) await published(8081, version, true, 'led to the container');
    await published(8080, 4, true, 'led to the container');
    await published(8080, 6, false, "the input chain's");
    await run(open(8080));
    await published(8080, 6, true, 'opened');
    await run(close(8080));
    await published(8080, 6, false, 'closed again');
  });
}

const toHost = (container: string, to: string, wanted: boolean, why: string) =>
  world.becomes(`a container to the host, ${why}`, wanted, () =>
    world.open({ from: world.netnsOf(container), protocol: 'tcp', to, port: 9000 }),
  );

/** A container of theirs with servers, of which port 80 is published at 9001. */
function serveIn(theirs: OtherEngine, ...ports: readonly number[]): void {
  theirs.ok('run', '-d', '--name', 'theirs', '-p', '9001:80', 'theirs', 'sleep', '1000000');
  const netns = `/proc/${theirs.ok('inspect', '-f', '{{.State.Pid}}', 'theirs')}/ns/net`;
  for (const port of ports) world.packets.serveTcp(netns, port, '0.0.0.0');
}

function ufwAsItComes(): void {
  asTheyCome(UFW);
  test('ufw deny 8080 closes no published port', async () => {
    await run('ufw deny 8080');
    await published(8080, 4, true, 'denied');
    await run('ufw delete deny 8080');
  });
  test('a container gets to servers of the host after ufw allow in on docker0', async () => {
    world.packets.serveTcp(undefined, 9000, '0.0.0.0');
    const gateway = world.engine.ok('inspect', '-f', '{{.NetworkSettings.Gateway}}', 'web');
    await toHost('web', gateway, false, 'as it comes');
    await run('ufw allow in on docker0');
    await toHost('web', gateway, true, 'allowed');
    await run('ufw delete allow in on docker0');
    await toHost('web', gateway, false, 'no longer allowed');
  });
  test("a ban in iptables' FORWARD counts", async () => {
    const banned = () => world.published(8080, 4, '198.51.100.7');
    await world.becomes('before the ban', true, banned);
    await run('iptables -A FORWARD -s 198.51.100.7 -j DROP');
    await world.becomes('banned', false, banned);
    await published(8080, 4, true, 'another client');
    await run('iptables -D FORWARD -s 198.51.100.7 -j DROP');
    await world.becomes('after the ban', true, banned);
  });
}

function firewalldAsItComes(): void {
  asTheyCome(FIREWALLD);
  test('what is configured at runtime goes with a reload, unless runtime-to-permanent keeps it', async () => {
    await run('firewall-cmd --add-port=8080/tcp');
    await published(8080, 6, true, 'opened');
    await run('firewall-cmd --reload');
    await published(8080, 6, false, 'reloaded');
    await run('firewall-cmd --add-port=8080/tcp');
    await run('firewall-cmd --runtime-to-permanent');
    await run('firewall-cmd --reload');
    await published(8080, 6, true, 'kept');
  });
  test('a container gets to the servers of the host that its zone opens', async () => {
    world.packets.serveTcp(undefined, 9000, '0.0.0.0');
    world.packets.serveTcp(undefined, 80, '0.0.0.0');
    const gateway = world.engine.ok('inspect', '-f', '{{.NetworkSettings.Gateway}}', 'web');
    const web = (wanted: boolean) =>
      world.becomes('a service of the host', wanted, () =>
        world.open({ from: world.netnsOf('web'), protocol: 'tcp', to: gateway, port: 80 }),
      );
    await toHost('web', gateway, false, 'as it comes');
    await web(false);
    await run('firewall-cmd --permanent --zone=causeway --add-port=9000/tcp');
    await run('firewall-cmd --permanent --zone=causeway --add-service=http');
    await run('firewall-cmd --reload');
    await toHost('web', gateway, true, 'its port was added');
    await web(true);
  });
  test('a policy that is asked before ours drops what containers send', async () => {
    world.packets.serveTcp(world.outside, 8000, OUTSIDE[4]);
    const leaves = (why: string, wanted: boolean) => world.becomes(why, wanted, () => world.getsOut('web', 4));
    await leaves('before it', true);
    must('firewall-cmd --permanent --new-policy=mine');
    for (const option of ['--add-ingress-zone=ANY', '--add-egress-zone=ANY', '--set-target=DROP', '--set-priority=-1'])
      await run(`firewall-cmd --permanent --policy=mine ${option}`);
    await run('firewall-cmd --reload');
    await leaves('with ours first', true);
    await run('firewall-cmd --permanent --policy=mine --set-priority=-100');
    await run('firewall-cmd --reload');
    await leaves('with theirs first', false);
    assert.match(await doctor(), /policy mine/);
    must('firewall-cmd --permanent --delete-policy=mine');
    await run('firewall-cmd --reload');
    await leaves('without it', true);
  });
  test(
    "a reload empties iptables' tables, and podman puts its rules back",
    { skip: missingEngine('podman') ?? false },
    async () => {
      const theirs = await OtherEngine.start('podman', Host.named(testHostName()));
      try {
        serveIn(theirs, 80);
        await published(9001, 4, true, 'of podman');
        await run('firewall-cmd --reload');
        assert.doesNotMatch(must('iptables -t nat -S'), /9001/);
        await published(9001, 4, false, 'of podman, after a reload');
        RAN.add('podman network reload --all'); // with the directories of this one
        theirs.ok('network', 'reload', '--all');
        await published(9001, 4, true, 'of podman, put back');
      } finally {
        await theirs.destroy();
      }
    },
  );
}

const doctor = async (): Promise<string> => {
  const { engine } = world;
  RAN.add('causeway doctor'); // for the daemon that is not at the default place
  return engine.causeway('doctor', '--data-root', engine.dataRoot, '--exec-root', engine.execRoot).out;
};

function withoutOthers(): void {
  test('what a bridge is called is said for the default network and for others', async () => {
    world.engine.ok('network', 'create', 'web');
    world.engine.ok('run', '-d', '--name', 'inner', '--network', 'web', 'busybox', 'sleep', '1000000');
    const [ofDefault, ofWeb] = [
      await run(`docker network inspect bridge -f '{{index .Options "com.docker.network.bridge.name"}}'`),
      await run(`docker network inspect web -f 'br-{{printf "%.12s" .Id}}'`),
    ];
    world.packets.serveTcp(world.outside, 8000, OUTSIDE[4]);
    for (const [bridge, container] of [
      [ofDefault.trim(), 'web'],
      [ofWeb.trim(), 'inner'],
    ] as const) {
      await world.becomes(`what ${container} sends`, true, () => world.getsOut(container, 4));
      must(`nft 'table inet theirs { chain f { type filter hook forward priority 5; iifname "${bridge}" drop; }; }'`);
      assert.equal(await world.getsOut(container, 4), false, `what ${container} sends comes from ${bridge}`);
      must('nft delete table inet theirs');
      await world.becomes(`what ${container} sends`, true, () => world.getsOut(container, 4));
    }
  });
  test('doctor and info name what drops, and one rule lets all of it through', async () => {
    must(
      "nft 'table inet filter { chain forward { type filter hook forward priority 0; ct state established accept; drop; }; }'",
    );
    await published(8080, 4, false, 'dropped by a table of the user');
    for (const said of [await doctor(), await run('docker info')]) assert.ok(said.includes(OWN_RULE), said);
    await run(OWN_RULE);
    for (const version of VERSIONS) await published(8081, version, true, 'let through by the mark');
    must('nft delete table inet filter');
  });
  for (const flush of ['nft flush ruleset', 'systemctl reload nftables']) {
    test(`a published port is there again after ${flush}, and events say so`, async () => {
      const since = Date.now() / 1000;
      // systemd works on the machine's own network; what it would run is run here.
      RAN.add(flush);
      must(
        flush.startsWith('systemctl')
          ? /^ExecReload=(.*)$/m.exec(readFileSync('/lib/systemd/system/nftables.service', 'utf8'))![1]!
          : flush,
      );
      await published(8080, 4, true, 'after it');
      RAN.add('docker events'); // until now: it would go on
      await world.becomes('the event', true, async () =>
        /network repair/.test(await run(`docker events --since ${since} --until ${Date.now() / 1000}`)),
      );
    });
  }
  test('a port of a running container comes', async () => {
    await run('causeway port rm dual 8081:80');
    await published(8081, 4, false, 'given up');
    await run('causeway port add web 8081:80');
    await published(8081, 4, true, 'added');
  });
  test('a configuration is judged without a start', async () => {
    await run('causeway daemon --validate');
  });
  test("rules of Docker's user chain count", async () => {
    await run('iptables -N DOCKER-USER');
    must('iptables -I DOCKER-USER -s 198.51.100.7 -j DROP');
    await world.becomes('a banned client', false, () => world.published(8080, 4, '198.51.100.7'));
    must('iptables -F DOCKER-USER');
    await world.becomes('no longer banned', true, () => world.published(8080, 4, '198.51.100.7'));
  });
}

function olderDocker(): void {
  test(
    'where our daemon was first, ports of Docker 20.10 that are not published are closed by iptables -P FORWARD DROP',
    { skip: missingEngine('dockerd') ?? false },
    async () => {
      const theirs = await OtherEngine.start('dockerd', Host.named(testHostName()));
      try {
        serveIn(theirs, 80, 81);
        const address = theirs.ok('inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'theirs');
        const straight = () => world.open({ from: world.outside, protocol: 'tcp', to: address, port: 81 });
        await world.becomes('a port that is not published', true, straight);
        await run('iptables -P FORWARD DROP');
        await world.becomes('a port that is not published', false, straight);
        await published(9001, 4, true, 'of theirs');
        await published(8080, 4, true, 'of ours');
      } finally {
        await theirs.destroy();
        must('iptables -P FORWARD ACCEPT');
      }
    },
  );
}

if (enterTestHost()) {
  behind('ufw', [], ufwAsItComes);
  behind('firewalld', [], firewalldAsItComes);
  behind(undefined, [], withoutOthers);
  behind(undefined, ['--default-bridge-name', 'causeway0'], olderDocker);
  behind('ufw', ['--respect-input-policy'], () => {
    respectsInput(UFW);
    test('what docs/ports.md shows', async () => {
      RAN.add('causeway daemon --respect-input-policy'); // with directories of its own
      await published(8080, 4, false, 'with the mode');
      await run('ufw allow 8080/tcp');
      await published(8080, 4, true, 'opened');
      await run('ufw delete allow 8080/tcp');
      await run('ufw deny 8080');
      await published(8080, 4, false, 'denied');
    });
  });
  behind('firewalld', ['--respect-input-policy'], () => {
    respectsInput(FIREWALLD);
    test('an interface in the zone drop has the ports open that are opened in that zone', async () => {
      must('firewall-cmd --zone=drop --change-interface=uplink');
      await published(8080, 4, false, 'in the zone drop');
      await run('firewall-cmd --zone=drop --add-port=8080/tcp');
      await published(8080, 4, true, 'opened there');
    });
  });

  test('code of a page is found in blocks, lists, tables and lines that break', () => {
    const page =
      'Say `ufw deny\n80`, or\n\n    nft list ruleset   # all of it\n\n- `docker0`, `--permanent`\n\n| a | `iptables -S` |\n\n```sh\ncauseway doctor\n```\n`ipset` `docker.service`\n';
    const { commands, options } = codeIn(page);
    assert.deepEqual(
      [[...commands].sort(), options],
      [['causeway doctor', 'iptables -S', 'nft list ruleset', 'ufw deny 80'], ['--permanent']],
    );
  });

  test('every command of the pages is run by a test', (t) => {
    const absent = [
      missingFirewall('ufw'),
      missingFirewall('firewalld'),
      missingEngine('podman'),
      missingEngine('dockerd'),
    ].find((reason) => reason !== undefined);
    if (absent !== undefined) return t.skip(absent);
    const { commands, options } = codeOfPages();
    const elsewhere = [...allCommands(), ...BANS.flatMap((ban) => ban.commands)];
    const all = [...RAN, ...elsewhere];
    assert.deepEqual(
      commands.filter((command) => !all.includes(command)),
      [],
    );
    // An option that a sentence names alone is the daemon's, or belongs to a command that was run.
    const flags = must(`${process.cwd()}/bin/causeway daemon --help`);
    const words = all.flatMap((command) => command.split(/[ =]/));
    assert.deepEqual(
      options
        .map((option) => option.split('=')[0]!)
        .filter((option) => !words.includes(option) && !flags.includes(option)),
      [],
    );
  });
}
