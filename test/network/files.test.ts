/**
 * /etc/hosts of a running container while what it links to comes and goes: never empty, never torn, the user's lines
 * kept.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { pino } from 'pino';
import type { JoinRequest } from '../../src/network/service.ts';
import { Lease } from '../harness/lease.ts';
import { until } from '../harness/test-engine.ts';
import { enterTestHost } from './inside.ts';
import { Lab } from './lab.ts';

// Reads /etc/hosts over and over; a good one begins with localhost's line and ends with the container's own.
const READER = `
use strict; my ($reads, $bad, $first, $own) = (0, 0, undef, $ARGV[0]);
$SIG{TERM} = sub { print "$reads $bad\\n"; exit 0 };
print "ready\\n"; $| = 1; select()->flush() if select()->can("flush");
while (1) { open(my $f, "<", "/etc/hosts") or do { $bad++; next }; local $/; my $t = <$f>; close $f; $reads++;
  $bad++ unless $t =~ /^127\\.0\\.0\\.1\\tlocalhost\\n/ && $t =~ /\\t$own\\n/ && $t =~ /10\\.9\\.9\\.9\\tmine\\n/; }
`;

function scenarios(): void {
  let lab: Lab;
  beforeEach(async () => {
    lab = await Lab.start();
  });
  afterEach(() => lab.stop());

  test('a reader in the container sees whole files only', async () => {
    const db = lab.request('db', ['bridge'], { exposedPorts: [{ port: 5432, protocol: 'tcp' }] });
    await lab.service.join(db);
    const request = lab.request('web', ['bridge'], {
      links: [{ sourceId: db.containerId, sourceName: 'db', alias: 'database', ports: db.exposedPorts }],
    });
    const web = await lab.service.join(request);
    const { hosts } = request.files;
    writeFileSync(hosts, `10.9.9.9\tmine\n`, { flag: 'a' });
    const script = join(lab.dir, 'reader.pl');
    writeFileSync(
      script,
      READER.replace('$| = 1; select()->flush() if select()->can("flush");', '').replace(
        'use strict;',
        'use strict; $| = 1;',
      ),
    );
    const command = `mount --bind ${hosts} /etc/hosts && exec perl ${script} ${request.hostname}`;
    const reader = spawn('nsenter', [`--net=${web.netns}`, 'unshare', '--mount', 'sh', '-c', command], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    reader.stdout.on('data', (data: Buffer) => (output += data.toString()));
    while (!output.includes('ready')) await new Promise((resolve) => setTimeout(resolve, 5));
    await lab.service.containerStarted(web.containerId, reader.pid!);
    const inside = () => readFileSync(`/proc/${reader.pid}/root/etc/hosts`, 'utf8');

    for (let round = 0; round < 30; round++) {
      await lab.service.leave(db.containerId);
      assert.doesNotMatch(inside(), /database/);
      const thief = await lab.join(`thief-${round}`, ['bridge']);
      const again = await lab.service.join(db);
      assert.match(inside(), new RegExp(`^${again.endpoints[0]!.ipv4.replaceAll('.', '\\.')}\tdatabase `, 'm'));
      assert.match(inside(), /^10\.9\.9\.9\tmine$/m);
      await lab.service.leave(thief.containerId);
    }
    assert.equal(inside(), readFileSync(hosts, 'utf8'), 'the file on the host is the one that is mounted');
    const ended = new Promise((resolve) => reader.once('close', resolve));
    reader.kill('SIGTERM');
    await ended;
    const [reads, bad] = output.split('\n')[1]!.split(' ').map(Number);
    assert.ok(reads! > 1000, `only ${reads} reads`);
    assert.equal(bad, 0);
  });

  test("a daemon that dies before it has stored what it wrote: the next one knows its lines from the user's", async () => {
    await lab.createNetwork('net');
    const db = lab.request('db', ['bridge'], { exposedPorts: [{ port: 5432, protocol: 'tcp' }] });
    const web = lab.request('web', ['bridge'], {
      links: [{ sourceId: db.containerId, sourceName: 'db', alias: 'database', ports: db.exposedPorts }],
    });
    await lab.service.join(web);
    writeFileSync(web.files.hosts, '10.9.9.9\tmine\n', { flag: 'a' });
    const hosts = () => readFileSync(web.files.hosts, 'utf8');
    const resolver = () => /^nameserver (.*)$/m.exec(readFileSync(web.files.resolvConf, 'utf8'))?.[1];
    const before = resolver();
    const lose = async (operate: () => Promise<unknown>, live: string[]) => {
      const stored = new Map(lab.store.sandboxes);
      await operate();
      lab.store.sandboxes.clear();
      for (const [id, text] of stored) lab.store.sandboxes.set(id, text);
      await lab.restart(live);
    };
    await lose(() => lab.service.join(db), [web.containerId]);
    assert.doesNotMatch(hosts(), /database/, 'a start that nobody knows of');
    assert.match(hosts(), /^10\.9\.9\.9\tmine$/m);
    await lab.service.join(db);
    await lose(() => lab.service.leave(db.containerId), [web.containerId]);
    assert.doesNotMatch(hosts(), /database/, 'its source is gone');
    await lose(() => lab.service.connect(web.containerId, lab.connection('net')), [web.containerId]);
    assert.equal(resolver(), before, 'there is no resolver');
    assert.match(hosts(), /^10\.9\.9\.9\tmine$/m);
    assert.equal(
      hosts()
        .split('\n')
        .filter((line) => line.includes(web.hostname)).length,
      1,
    );
  });

  test('resolv.conf changes with the first network that has names, unless the user has changed it', async () => {
    await lab.createNetwork('net');
    const one = lab.request('one', ['bridge']);
    const two = lab.request('two', ['bridge']);
    for (const request of [one, two]) await lab.service.join(request);
    assert.doesNotMatch(readFileSync(one.files.resolvConf, 'utf8'), /127\.0\.0\.11/);
    writeFileSync(two.files.resolvConf, 'nameserver 10.0.0.53\n');
    for (const request of [one, two]) await lab.service.connect(request.containerId, lab.connection('net'));
    assert.match(readFileSync(one.files.resolvConf, 'utf8'), /^nameserver 127\.0\.0\.11$/m);
    assert.equal(readFileSync(two.files.resolvConf, 'utf8'), 'nameserver 10.0.0.53\n');
    await lab.service.disconnect(one.containerId, lab.network('net').id);
    assert.match(readFileSync(one.files.resolvConf, 'utf8'), /^nameserver 127\.0\.0\.11$/m, 'programs have read it');
  });

  const linked = (name: string, db: JoinRequest) =>
    lab.request(name, ['bridge'], {
      links: [{ sourceId: db.containerId, sourceName: 'db', alias: 'database', ports: db.exposedPorts }],
    });
  const database = ({ files }: JoinRequest): string | undefined =>
    /^(\S+)\tdatabase /m.exec(readFileSync(files.hosts, 'utf8'))?.[1];

  test('a container that holds leases on its own files delays no other start, and gets the new address when it releases them', async () => {
    const db = lab.request('db', ['bridge'], { exposedPorts: [{ port: 5432, protocol: 'tcp' }] });
    await lab.service.join(db);
    const [evil, web] = [linked('evil', db), linked('web', db)];
    for (const one of [evil, web]) await lab.service.join(one);
    const before = database(evil);
    const lease = await Lease.take(evil.files.hosts);
    try {
      await lab.service.leave(db.containerId);
      await lab.join('thief', ['bridge']);
      const address = (await lab.service.join(db)).endpoints[0]!.ipv4;
      assert.notEqual(address, before);
      assert.equal(database(web), address);
      await lease.end();
      await until('it has the new address', () => database(evil) === address, 60_000);
      await until(
        'that is stored',
        () =>
          lab.store
            .load()
            .sandboxes.some(
              ({ sandbox, written }) =>
                sandbox.containerId === evil.containerId && written.hosts.includes(`${address}\tdatabase`),
            ),
        60_000,
      );
    } finally {
      await lease.end();
    }
  });

  test('files of others that cannot be written fail no change, are named in the log and written later', async () => {
    const lines: string[] = [];
    await lab.stop();
    lab = await Lab.start({}, pino({}, { write: (line: string) => void lines.push(line) }));
    const db = lab.request('db', ['bridge'], { exposedPorts: [{ port: 5432, protocol: 'tcp' }] });
    const [broken, web] = [linked('broken', db), linked('web', db)];
    for (const one of [broken, web]) await lab.service.join(one);
    const inTheWay = `${broken.files.hosts}.rendered.next`;
    mkdirSync(inTheWay);
    await lab.service.join(db);
    assert.ok(database(web) !== undefined);
    assert.equal(database(broken), undefined);
    assert.ok(
      lines.some((line) => line.includes(broken.containerId) && line.includes(broken.files.hosts)),
      lines.join(''),
    );
    await lab.service.leave(db.containerId);
    await lab.service.join(db);
    rmSync(inTheWay, { recursive: true });
    await until('it has its line', () => database(broken) !== undefined, 60_000);
  });

  test('a start that is undone takes its lines out of every other file, also behind one that cannot be written', async () => {
    const db = lab.request('db', ['bridge'], { exposedPorts: [{ port: 5432, protocol: 'tcp' }] });
    const [broken, web] = [linked('broken', db), linked('web', db)];
    for (const one of [broken, web]) await lab.service.join(one);
    mkdirSync(`${broken.files.hosts}.rendered.next`);
    lab.store.failNext = new Error('no room');
    await assert.rejects(lab.service.join(db), /no room/);
    assert.equal(database(web), undefined);
    assert.equal(database(broken), undefined);
  });

  test('a hosts file that the container made endless is left alone, and brought up to date when it is short again', async () => {
    const db = lab.request('db', ['bridge'], { exposedPorts: [{ port: 5432, protocol: 'tcp' }] });
    const request = (name: string) =>
      lab.request(name, ['bridge'], {
        links: [{ sourceId: db.containerId, sourceName: 'db', alias: 'database', ports: db.exposedPorts }],
      });
    const [web, other] = [request('web'), request('other')];
    for (const one of [web, other]) await lab.service.join(one);
    const own = readFileSync(web.files.hosts, 'utf8');
    const theirs = Array.from({ length: 600_000 }, (_, index) => `0.0.0.0\tn${index}\n`).join('');
    writeFileSync(web.files.hosts, own + theirs);
    await lab.service.join(db);
    assert.ok(readFileSync(web.files.hosts, 'utf8') === own + theirs, 'the file was touched');
    assert.match(readFileSync(other.files.hosts, 'utf8'), /\tdatabase /, 'others have their new line');
    writeFileSync(web.files.hosts, own + theirs.slice(0, 1_000_000));
    await lab.service.leave(db.containerId);
    await lab.service.join(db);
    assert.match(readFileSync(web.files.hosts, 'utf8'), /\tdatabase [^]*\tn50000\n/);
    const short = `${readFileSync(web.files.hosts, 'utf8')}${'\n'.repeat(200_000)}`;
    writeFileSync(web.files.hosts, short);
    await lab.service.leave(db.containerId);
    assert.ok(readFileSync(web.files.hosts, 'utf8') === short, 'endless by its lines: the file was touched');
  });

  test('extra hosts and host-gateway', async () => {
    const request = lab.request('one', ['bridge'], {
      extraHosts: ['gw:host-gateway', 'six:[fd00::6]'],
      domainname: 'example.com',
    });
    await lab.service.join(request);
    const text = readFileSync(request.files.hosts, 'utf8');
    assert.match(text, /^172\.17\.0\.1\tgw$/m);
    assert.match(text, /^fd00::6\tsix$/m);
    assert.match(text, new RegExp(`^172\\.17\\.0\\.2\\t${request.hostname}\\.example\\.com ${request.hostname}$`, 'm'));
    assert.equal(readFileSync(request.files.hostname, 'utf8'), `${request.hostname}\n`);
  });
}

if (enterTestHost()) describe('the files of containers', scenarios);
