/**
 * The second walk-through: a network of one's own, with names, isolated from the rest, and a web server published on
 * port 80.
 */
import {
  expectation,
  isFullId,
  nameAnswered,
  nameUnknown,
  pingAnswered,
  pingUnanswered,
  resolverConfigured,
  welcomePage,
} from './expectations.ts';
import type { Stage } from './stage.ts';

export async function playNetworks(stage: Stage): Promise<void> {
  stage.act(
    '2. Networks',
    'On a network of its own every container knows every other by name, without links; and whoever is not on it reaches nobody there.',
  );

  const before = await stage.type('causeway network ls', 'Three networks are always there.');
  stage.check(
    expectation(
      'bridge, host and none exist',
      ['bridge', 'host', 'none'].every((name) => networkNames(before.out).includes(name)),
      before.both,
    ),
  );
  const created = await stage.type('causeway network create net', '');
  stage.check(expectation('the network was created', created.code === 0 && isFullId(created.out), created.both));
  const after = await stage.type('causeway network ls', '');
  stage.check(expectation('net is a bridge network', /\snet\s+bridge\s+local/.test(after.out), after.both));

  const first = await stage.type('causeway run -d --name=test1 --network net centos:v1', '');
  const second = await stage.type(
    'causeway run -d --name=test2 --network net centos:v1',
    'Two containers on it, that know nothing of each other.',
  );
  stage.check(expectation('both started', isFullId(first.out) && isFullId(second.out), first.both + second.both));
  const ps = await stage.type("causeway ps --format 'table {{.Names}}\\t{{.Image}}\\t{{.Networks}}'", '');
  stage.check(
    expectation(
      'both are on net',
      /^test1\s+centos:v1\s+net$/m.test(ps.out) && /^test2\s+centos:v1\s+net$/m.test(ps.out),
      ps.both,
    ),
  );

  const address1 = await addressOf(stage, 'test1', 'net');
  const address2 = await addressOf(stage, 'test2', 'net');
  const ping = await stage.type(
    'causeway exec test1 ping -c 2 -i 0.2 test2',
    'By name, at once: nothing had to be linked or restarted.',
  );
  stage.check(
    pingAnswered(ping.out, 2, 'test2 answers by name'),
    expectation(`the name led to ${address2}`, ping.out.includes(`(${address2})`), ping.out),
  );
  const hosts = await stage.type(
    'causeway exec test1 cat /etc/hosts',
    'The names are not in /etc/hosts, which holds only the container itself: they come from DNS, so that they can change.',
  );
  stage.check(
    expectation('test1 is there, with its own address', hosts.out.includes(`${address1}\t`), hosts.both),
    expectation('test2 is not', !hosts.out.includes(address2), hosts.both),
  );
  const resolvConf = await stage.type('causeway exec test1 cat /etc/resolv.conf', '');
  stage.check(...resolverConfigured(resolvConf.out));
  const lookup = await stage.type(
    'causeway exec test1 nslookup test2',
    'The engine answers at 127.0.0.11 inside each container, which no other container can see.',
  );
  stage.check(...nameAnswered(lookup.out, 'test2', address2));

  const third = await stage.type(
    'causeway run --name test3 -d centos:v1',
    'A stranger: on the default bridge, not on net.',
  );
  stage.check(expectation('test3 started', isFullId(third.out), third.both));
  const address3 = await addressOf(stage, 'test3', 'bridge');
  const byName = await stage.type('causeway exec test3 ping -c 1 -W 1 test2', '');
  stage.check(nameUnknown(byName.code, byName.both, 'test2', 'test3'));
  const byAddress = await stage.type(
    `causeway exec test3 ping -c 1 -W 1 ${address2}`,
    'Not by address either: both bridges are on this host, which routes between them for nobody.',
  );
  stage.check(pingUnanswered(byAddress.code, byAddress.both, 'test3 does not reach test2 by its address'));
  const back = await stage.type(`causeway exec test1 ping -c 1 -W 1 ${address3}`, '');
  stage.check(pingUnanswered(back.code, back.both, 'nor does test1 reach test3'));

  const nginx = await stage.type(
    'causeway run -d --name=nginx -p 80:80 --network net nginx',
    'What shall be reached from outside is published, port by port.',
  );
  stage.check(expectation('nginx started', isFullId(nginx.out), nginx.both));
  const ports = await stage.type("causeway ps --format 'table {{.Names}}\\t{{.Ports}}'", '');
  stage.check(
    expectation(
      'port 80 of the host is port 80 of nginx',
      /^nginx\s+.*0\.0\.0\.0:80->80\/tcp/m.test(ports.out),
      ports.both,
    ),
  );
  const page = await stage.type('curl -s http://127.0.0.1/', '', {
    patienceMs: 10_000,
    until: ({ out }) => out !== '',
  });
  stage.check(welcomePage(page.out, 'nginx serves the host on port 80'));
  const inside = await stage.type('causeway exec test1 curl -s http://nginx/', '');
  stage.check(welcomePage(inside.out, 'and its neighbours by name'));
}

function networkNames(listing: string): string[] {
  return listing
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/)[1] ?? '');
}

export function addressOf(stage: Stage, container: string, network: string): Promise<string> {
  return stage.ask(`causeway inspect -f '{{.NetworkSettings.Networks.${network}.IPAddress}}' ${container}`);
}
