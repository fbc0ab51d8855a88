/** The first walk-through: two containers on the default bridge find each other by a link. */
import { expectation, hostsLine, isFullId, linkVariables, pageFromDatabase, pingAnswered } from './expectations.ts';
import type { Stage } from './stage.ts';

export async function playLinks(stage: Stage, postgresVersion: string): Promise<void> {
  stage.act(
    '1. Links',
    'A web application needs its database. On the default bridge containers have no names for each other: a link gives one container the name, the address and the ports of another.',
  );

  const alone = await stage.type(
    'causeway run -d -P --name web training/webapp',
    'The application alone: -P publishes every port that its image exposes.',
  );
  stage.check(
    expectation('it started and its full id was printed', alone.code === 0 && isFullId(alone.out), alone.both),
  );
  const port = await stage.ask("causeway port web 5000/tcp | head -n 1 | sed 's/.*://'");
  const lost = await stage.type(
    `curl -s http://127.0.0.1:${port}/`,
    'It is reached through its published port, but knows of no database.',
    { patienceMs: 10_000, until: ({ out }) => out !== '' },
  );
  stage.check(
    expectation(
      'the application answers, and finds no database',
      lost.out.includes('cannot ask the database'),
      lost.both,
    ),
  );

  const db = await stage.type(
    'causeway run -d --name db training/postgres',
    'A real PostgreSQL. Its port 5432 is exposed to its neighbours and published to nobody.',
  );
  stage.check(expectation('PostgreSQL started', db.code === 0 && isFullId(db.out), db.both));
  const removed = await stage.type('causeway rm -f web', '');
  stage.check(expectation('web is removed', removed.code === 0 && removed.out.trim() === 'web', removed.both));
  const linked = await stage.type(
    'causeway run -d -P --name web --link db:db training/webapp',
    'The same application once more, now linked: --link SOURCE:ALIAS.',
  );
  stage.check(expectation('web started with the link', linked.code === 0 && isFullId(linked.out), linked.both));

  const ps = await stage.type('causeway ps', 'Only web has a port on the host.');
  stage.check(
    expectation(
      'web publishes 5000/tcp on a port of the host',
      /web$/m.test(ps.out) && /0\.0\.0\.0:\d+->5000\/tcp/.test(ps.out),
      ps.out,
    ),
    expectation('db publishes nothing', /\s5432\/tcp\s+db$/m.test(ps.out), ps.out),
  );
  const names = await stage.type(
    "causeway ps --no-trunc --format '{{.Names}}'",
    'The database has two names now: its own, and the one that web knows it by.',
  );
  stage.check(expectation('db is also called web/db', names.out.trim() === 'web\ndb,web/db', names.both));
  const links = await stage.type("causeway inspect -f '{{json .HostConfig.Links}}' web", '');
  stage.check(expectation('the link is kept with the container', links.out.trim() === '["/db:/web/db"]', links.both));

  const address = await stage.ask("causeway inspect -f '{{.NetworkSettings.IPAddress}}' db");
  const environment = await stage.type(
    'causeway run --rm --name web2 --link db:db training/webapp env',
    'A link describes the database in the variables of whoever is linked to it, so that no address stands in any configuration.',
  );
  stage.check(
    ...linkVariables(environment.out, {
      alias: 'db',
      recipient: 'web2',
      address,
      port: 5432,
      sourceEnvironment: { PG_VERSION: postgresVersion },
    }),
  );
  const hosts = await stage.type(
    'causeway run --rm --link db:db training/webapp cat /etc/hosts',
    'The alias is also a name in /etc/hosts, for programs that do not read such variables.',
  );
  stage.check(hostsLine(hosts.out, address, 'db'));
  const ping = await stage.type('causeway run --rm --link db:db training/webapp ping -c 3 -i 0.2 db', '');
  stage.check(pingAnswered(ping.out, 3, 'three of three echo requests to db are answered'));

  const published = await stage.type('causeway port web', '');
  const newPort = /5000\/tcp -> 0\.0\.0\.0:(\d+)/.exec(published.out)?.[1] ?? '0';
  stage.check(expectation('the port is the one that the host gave', newPort !== '0', published.both));
  const page = await stage.type(
    `curl -s http://127.0.0.1:${newPort}/`,
    'From the host through the published port into the application, by DB_PORT_5432_TCP_ADDR to PostgreSQL, and back.',
    {
      patienceMs: 20_000,
      until: ({ out }) => out.includes('PostgreSQL '),
    },
  );
  stage.check(...pageFromDatabase(page.out, address));
}
