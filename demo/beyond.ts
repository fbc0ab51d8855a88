/**
 * What goes wrong elsewhere when containers come and go, and must not go wrong here. Follows the two walk-throughs, on
 * their containers.
 */
import {
  expectation,
  hostsLine,
  isFullId,
  nameAnswered,
  pageFromDatabase,
  pingAnswered,
  welcomePage,
} from './expectations.ts';
import type { Stage } from './stage.ts';
import { addressOf } from './walkthrough-networks.ts';

export async function playBeyond(stage: Stage, startEngine: () => Promise<void>): Promise<void> {
  stage.act(
    '3. When containers come and go',
    'Addresses change with every restart. A link or a name that still says what was true before is worse than none.',
  );
  await linkFollows(stage);
  await namesVanish(stage);
  await engineDies(stage, startEngine);
}

async function linkFollows(stage: Stage): Promise<void> {
  const old = await addressOf(stage, 'db', 'bridge');
  await stage.type('causeway stop db', '');
  const stranger = await stage.type(
    'causeway run -d --name stranger centos:v1',
    'The database stops, and a stranger gets its address.',
  );
  const taken = await addressOf(stage, 'stranger', 'bridge');
  stage.check(
    expectation(
      `the stranger runs at ${old} now`,
      isFullId(stranger.out) && taken === old,
      `${stranger.both} ${taken}`,
    ),
  );
  await stage.type('causeway start db', '');
  const address = await addressOf(stage, 'db', 'bridge');
  stage.check(expectation('the database is back with another address', address !== '' && address !== old, address));
  const hosts = await stage.type(
    'causeway exec web cat /etc/hosts',
    'The link followed inside the running web: its alias leads to the database, not to the stranger.',
  );
  stage.check(hostsLine(hosts.out, address, 'db'));
  const ping = await stage.type('causeway exec web ping -c 1 -W 1 db', '');
  stage.check(
    pingAnswered(ping.out, 1, 'db answers by its alias'),
    expectation(`from ${address}`, ping.out.includes(`(${address})`), ping.out),
  );
  await stage.type(
    'causeway restart web',
    'A process cannot be given new variables while it runs; the next start has them.',
  );
  const port = await stage.ask("causeway port web 5000/tcp | head -n 1 | sed 's/.*://'");
  const page = await stage.type(`curl -s http://127.0.0.1:${port}/`, '', {
    patienceMs: 20_000,
    until: ({ out }) => out.includes('PostgreSQL '),
  });
  stage.check(...pageFromDatabase(page.out, address));
}

async function namesVanish(stage: Stage): Promise<void> {
  const address = await addressOf(stage, 'test2', 'net');
  await stage.type('causeway stop -t 1 test2', '');
  const gone = await stage.type(
    'causeway exec test1 nslookup test2',
    'The name is gone the moment the container is, and is not asked of anybody else: no client talks to whoever gets the address next.',
  );
  stage.check(
    expectation('test2 has no address any more', !gone.both.includes(address), gone.both),
    expectation('and the answer does not name another', !/Name:\s+test2/.test(gone.both), gone.both),
  );
  await stage.type('causeway start test2', '');
  const again = await addressOf(stage, 'test2', 'net');
  const lookup = await stage.type('causeway exec test1 nslookup test2', '');
  stage.check(...nameAnswered(lookup.out, 'test2', again));
}

async function engineDies(stage: Stage, startEngine: () => Promise<void>): Promise<void> {
  await stage.type(
    "causeway exec -d test1 sh -c 'while :; do getent hosts nginx || echo lost; sleep 0.05; done >/tmp/answers'",
    'A client asks for a name, again and again.',
  );
  await stage.type("kill -9 $(cut -d ' ' -f 1 /run/causeway/causeway.pid)", 'The worst that can happen to an engine.');
  const page = await stage.type(
    'curl -s http://127.0.0.1/',
    'Ports are rules in the kernel, and names have a process of their own: neither needs the engine to live.',
  );
  stage.check(welcomePage(page.out, 'nginx is served without the engine'));
  await startEngine();
  const ps = await stage.type(
    "causeway ps --format 'table {{.Names}}\\t{{.Status}}'",
    'Started again, the engine finds its containers as it left them.',
  );
  stage.check(
    expectation(
      'all containers are there',
      ['web', 'db', 'test1', 'test2', 'test3', 'nginx', 'stranger'].every((name) =>
        new RegExp(`^${name} +Up `, 'm').test(ps.out),
      ),
      ps.both,
    ),
  );
  const answers = await stage.type("causeway exec test1 sh -c 'sort /tmp/answers | uniq -c'", '');
  stage.check(
    expectation(
      'not one question went unanswered meanwhile',
      /\d+ .*nginx/.test(answers.out) && !answers.out.includes('lost'),
      answers.both,
    ),
  );
}

/** Everything removed: nothing of it may stay in the kernel. */
export async function playCleanUp(stage: Stage): Promise<void> {
  stage.act('4. Clean-up', 'What was made for a container goes with it.');
  const removed = await stage.type('causeway rm -f $(causeway ps -aq)', '');
  stage.check(
    expectation(
      'all containers are removed',
      removed.code === 0 && (await stage.ask('causeway ps -aq')) === '',
      removed.both,
    ),
  );
  await stage.type('causeway network rm net', '');
  const links = await stage.type('ip -brief link', '');
  const names = links.out
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(/\s+/)[0] ?? '');
  stage.check(
    expectation(
      'of interfaces only the loopback and the default bridge are left',
      names.every((name) => name === 'lo' || name === 'docker0'),
      links.out,
    ),
  );
  const programs = stage.sandbox.processes();
  stage.check(
    expectation(
      'of processes only the engine and its resolver are left',
      programs.length <= 2,
      await stage.ask('ps -eo pid,args'),
    ),
  );
}
