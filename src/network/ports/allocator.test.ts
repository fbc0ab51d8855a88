import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { HostPort, PortBinding, PublishedPort } from '../../model/port.ts';
import { parsePort } from '../../model/port.ts';
import type { PortOwner } from './port-owner.ts';
import { PortAllocator, type PortAllocatorOptions } from './allocator.ts';
import { wantedPorts, type PublishOptions } from './port-request.ts';

/** Sockets of a pretended host: a port is in use by the engine while held, or by another program for good. */
class FakeHost {
  readonly held = new Map<string, number>();
  readonly foreign = new Set<string>();
  readonly broken = new Map<string, string>();
  attempts = 0;

  hold({ protocol, hostIp: address, hostPort: port }: HostPort): { close(): void } {
    this.attempts++;
    const key = `${protocol} ${address} ${port}`;
    const code = this.broken.get(address);
    if (code !== undefined) throw Object.assign(new Error(`bind: ${code}`), { code });
    if (this.foreign.has(key) || this.held.has(key))
      throw Object.assign(new Error('bind: address in use'), { code: 'EADDRINUSE' });
    this.held.set(key, 1);
    return {
      close: () => {
        assert.ok(this.held.delete(key), `closed twice: ${key}`);
      },
    };
  }
}

const owner = (name: string): PortOwner => ({
  containerId: `id-${name}`,
  containerName: name,
  sandboxId: `ep-${name}`,
  ipv4: '172.17.0.2',
});
const OPTIONS: PublishOptions = { publishAll: false, defaultHostIp: '0.0.0.0', ipv6: true };
const wants = (bindings: Record<string, PortBinding[]>, exposed: string[] = []) =>
  wantedPorts(exposed.map(parsePort), bindings);
const on = (hostPort: string, hostIp = ''): PortBinding => ({ hostIp, hostPort });
const show = (ports: readonly PublishedPort[]) =>
  ports.map(({ hostIp, hostPort, port, protocol }) => `${port}/${protocol} -> ${hostIp}:${hostPort}`);

function setUp(change: Partial<PortAllocatorOptions> = {}) {
  const host = new FakeHost();
  return { host, ports: new PortAllocator({ holder: host, ephemeral: () => [32768, 60999], ...change }) };
}

test('a fixed port on all addresses of both versions', () => {
  const { host, ports } = setUp();
  assert.deepEqual(show(ports.publish(owner('web'), wants({ '80/tcp': [on('8080')] }), OPTIONS)), [
    '80/tcp -> 0.0.0.0:8080',
    '80/tcp -> :::8080',
  ]);
  assert.deepEqual([...host.held.keys()], ['tcp 0.0.0.0 8080', 'tcp :: 8080']);
  ports.release('ep-web');
  ports.release('ep-web');
  assert.equal(host.held.size, 0);
});

test('which addresses a binding means', () => {
  const { ports } = setUp();
  const addresses = (binding: PortBinding, change: Partial<PublishOptions> = {}) => {
    const published = ports.publish(owner('x'), wants({ '80/tcp': [binding] }), { ...OPTIONS, ...change });
    ports.release('ep-x');
    return published.map(({ hostIp }) => hostIp);
  };
  assert.deepEqual(addresses(on('80', '127.0.0.1')), ['127.0.0.1']);
  assert.deepEqual(addresses(on('80', '0.0.0.0')), ['0.0.0.0']);
  assert.deepEqual(addresses(on('80', '0::0')), ['::']);
  assert.deepEqual(addresses(on('80'), { ipv6: false }), ['0.0.0.0']);
  assert.deepEqual(addresses(on('80'), { defaultHostIp: '192.168.1.1' }), ['192.168.1.1']);
  assert.deepEqual(addresses(on('80'), { defaultHostIp: '::' }), ['::']);
  assert.deepEqual(addresses(on('80'), { defaultHostIp: '' }), ['0.0.0.0', '::']);
  assert.deepEqual(addresses(on('80'), { ipv4: false }), ['::']);
  assert.deepEqual(addresses(on('80', '10.0.0.1'), { ipv4: false }), []);
});

test("a port of another container is refused with that container's name", () => {
  const { host, ports } = setUp();
  ports.publish(owner('web'), wants({ '80/tcp': [on('8080')] }), OPTIONS);
  const clash = (binding: PortBinding) => () => ports.publish(owner('clash'), wants({ '80/tcp': [binding] }), OPTIONS);
  const message = 'Bind for 0.0.0.0:8080 failed: port is already allocated: held by container web';
  assert.throws(clash(on('8080')), { kind: 'system', message });
  assert.throws(clash(on('8080', '127.0.0.1')), { message });
  ports.rename('id-web', 'www');
  assert.throws(clash(on('8080')), /held by container www$/);
  assert.equal(ports.holderOf({ protocol: 'tcp', hostIp: '127.0.0.1', hostPort: 8080 })?.containerName, 'www');
  assert.equal(host.held.size, 2);
  // Another protocol, another address.
  ports.publish(owner('udp'), wants({ '80/udp': [on('8080')] }), OPTIONS);
  ports.publish(owner('a'), wants({ '80/tcp': [on('9000', '127.0.0.1')] }), OPTIONS);
  ports.publish(owner('b'), wants({ '80/tcp': [on('9000', '127.0.0.2')] }), OPTIONS);
  assert.throws(
    () => ports.publish(owner('c'), wants({ '80/tcp': [on('9000')] }), OPTIONS),
    /Bind for 127.0.0.1:9000 failed.*container a$/,
  );
});

test('a port of a foreign program is refused, with the program', () => {
  const { host, ports } = setUp({
    describeHolder: ({ hostPort }) => (hostPort === 80 ? { pid: 123, program: 'nginx' } : undefined),
  });
  host.foreign.add('tcp :: 80').add('tcp 0.0.0.0 81');
  assert.throws(() => ports.publish(owner('web'), wants({ '80/tcp': [on('80')] }), OPTIONS), {
    kind: 'system',
    message: 'failed to bind host port for [::]:80:172.17.0.2:80/tcp: address already in use: held by nginx (pid 123)',
  });
  assert.throws(() => ports.publish(owner('web'), wants({ '80/tcp': [on('81')] }), OPTIONS), {
    message: 'failed to bind host port for 0.0.0.0:81:172.17.0.2:80/tcp: address already in use',
  });
  host.broken.set('10.8.8.8', 'EMFILE');
  assert.throws(
    () => ports.publish(owner('web'), wants({ '80/tcp': [on('', '10.8.8.8')] }), OPTIONS),
    /too many open files: raise the limit of the daemon/,
  );
  host.broken.set('10.9.9.9', 'EADDRNOTAVAIL');
  assert.throws(
    () => ports.publish(owner('web'), wants({ '80/tcp': [on('', '10.9.9.9')] }), OPTIONS),
    /cannot assign requested address$/,
  );
  assert.equal(host.held.size, 0);
});

test('the holder of a port is not looked up while a free port is searched', () => {
  let asked = 0;
  const { host, ports } = setUp({ describeHolder: () => (asked++, undefined) });
  for (const port of [8000, 8001, 8002]) host.foreign.add(`tcp 0.0.0.0 ${port}`);
  assert.deepEqual(show(ports.publish(owner('a'), wants({ '80/tcp': [on('8000-8003', '0.0.0.0')] }), OPTIONS)), [
    '80/tcp -> 0.0.0.0:8003',
  ]);
  assert.equal(asked, 0);
});

test('a host without IPv6 skips the implicit [::] binding', () => {
  const { host, ports } = setUp();
  host.broken.set('::', 'EAFNOSUPPORT');
  assert.deepEqual(show(ports.publish(owner('web'), wants({ '80/tcp': [on('80')] }), OPTIONS)), [
    '80/tcp -> 0.0.0.0:80',
  ]);
  assert.throws(
    () => ports.publish(owner('six'), wants({ '80/tcp': [on('81', '::')] }), OPTIONS),
    /address family not supported by protocol$/,
  );
});

test('all or nothing', () => {
  const { host, ports } = setUp();
  host.foreign.add('tcp 0.0.0.0 8003');
  const bindings = Object.fromEntries([1, 2, 3, 4].map((number) => [`${number}/tcp`, [on(`800${number}`)]]));
  assert.throws(() => ports.publish(owner('web'), wants(bindings), OPTIONS), /0.0.0.0:8003/);
  assert.equal(host.held.size, 0);
  host.foreign.clear();
  assert.equal(ports.publish(owner('web'), wants(bindings), OPTIONS).length, 8);
});

test('the same binding twice clashes with itself', () => {
  const { host, ports } = setUp();
  assert.throws(
    () => ports.publish(owner('web'), wants({ '80/tcp': [on('8080'), on('8080')] }), OPTIONS),
    /port is already allocated/,
  );
  assert.equal(host.held.size, 0);
  assert.equal(ports.publish(owner('web'), wants({ '80/tcp': [on(''), on('')] }), OPTIONS).length, 4);
});

test('chosen ports: behind the last one, the same number on both versions, reserved ones left out', () => {
  const { host, ports } = setUp({ ephemeral: () => [100, 105], reserved: () => [[102, 103]] });
  host.foreign.add('tcp :: 101');
  const next = (name: string) =>
    ports.publish(owner(name), wants({ '80/tcp': [on('')] }), OPTIONS).map(({ hostPort }) => hostPort);
  assert.deepEqual(next('a'), [100, 100]);
  assert.deepEqual(next('b'), [104, 104]);
  ports.release('ep-a');
  assert.deepEqual(next('c'), [105, 105]);
  assert.deepEqual(next('d'), [100, 100]);
  assert.throws(() => next('e'), {
    kind: 'system',
    message: 'all ports are allocated (tcp on 0.0.0.0, ::, the ephemeral range)',
  });
  assert.equal(host.held.size, 6);
});

test('a range to choose from, taken after the fixed ports inside it', () => {
  const { ports } = setUp();
  const published = ports.publish(owner('web'), wants({ '80/tcp': [on('8200-8202')], '90/tcp': [on('8200')] }), {
    ...OPTIONS,
    ipv6: false,
  });
  assert.deepEqual(show(published), ['90/tcp -> 0.0.0.0:8200', '80/tcp -> 0.0.0.0:8201']);
  ports.publish(owner('two'), wants({ '80/tcp': [on('8200-8202')] }), OPTIONS);
  assert.throws(
    () => ports.publish(owner('three'), wants({ '80/tcp': [on('8200-8202')] }), OPTIONS),
    /all ports are allocated/,
  );
});

test('bindings that differ in the address only get the same number', () => {
  const { ports } = setUp();
  const published = ports.publish(
    owner('web'),
    wants({ '80/tcp': [on('', '127.0.0.2'), on('', '127.0.0.1'), on('', '::1')] }),
    OPTIONS,
  );
  assert.deepEqual(show(published), ['80/tcp -> 127.0.0.1:32768', '80/tcp -> 127.0.0.2:32768', '80/tcp -> ::1:32768']);
});

test('-P: exposed ports without bindings, lowest first', () => {
  const { ports } = setUp();
  const wanted = wants({ '9000/tcp': [on('1234')] }, ['9000/tcp', '53/udp', '53/tcp']);
  const options = { ...OPTIONS, publishAll: true, ipv6: false };
  assert.deepEqual(show(ports.publish(owner('web'), wanted, options)), [
    '9000/tcp -> 0.0.0.0:1234',
    '53/tcp -> 0.0.0.0:32768',
    '53/udp -> 0.0.0.0:32768',
  ]);
  assert.deepEqual(show(ports.publish(owner('other'), wants({}, ['80/tcp']), OPTIONS)), []);
});

test('a port with an empty list of bindings gets a port that is chosen', () => {
  const { ports } = setUp();
  const wanted = wants({ '80/tcp': [], '81/tcp': [on('8081')] }, ['80/tcp', '82/tcp']);
  assert.deepEqual(show(ports.publish(owner('web'), wanted, OPTIONS)), [
    '81/tcp -> 0.0.0.0:8081',
    '81/tcp -> :::8081',
    '80/tcp -> 0.0.0.0:32768',
    '80/tcp -> :::32768',
  ]);
});

test('what does not parse is refused', () => {
  const refuse = (bindings: Record<string, PortBinding[]>) => () => wants(bindings);
  assert.throws(refuse({ '80/tcp': [on('99999')] }), {
    kind: 'invalid',
    message: 'invalid port specification: "99999"',
  });
  assert.throws(refuse({ '80/tcp': [on('2-1')] }), { message: 'invalid port specification: "2-1"' });
  assert.throws(refuse({ '80/tcp': [on('x')] }), { message: 'invalid port specification: "x"' });
  assert.throws(refuse({ 'b/tcp': [on('80')] }), { message: 'invalid port specification: "b"' });
  assert.throws(refuse({ '80/tcp': [on('80', '300.0.0.1')] }), { message: 'invalid IP address: 300.0.0.1' });
});

test('after a restart ports are taken over; one that cannot be held is reported, not lost', () => {
  const { host, ports } = setUp();
  host.foreign.add('tcp :: 8080');
  const published: PublishedPort[] = [
    { hostIp: '0.0.0.0', hostPort: 8080, port: 80, protocol: 'tcp' },
    { hostIp: '::', hostPort: 8080, port: 80, protocol: 'tcp' },
  ];
  assert.deepEqual(ports.adopt(owner('web'), published), [published[1]]);
  assert.deepEqual(ports.adopt(owner('web'), published), []);
  assert.deepEqual([...host.held.keys()], ['tcp 0.0.0.0 8080']);
  assert.throws(
    () => ports.publish(owner('clash'), wants({ '80/tcp': [on('8080', '::1')] }), OPTIONS),
    /container web$/,
  );
  ports.release('ep-web', [published[1]!]);
  assert.deepEqual([...host.held.keys()], ['tcp 0.0.0.0 8080']);
  ports.release('ep-web');
  assert.equal(host.held.size, 0);
  ports.adopt('only-the-endpoint', published.slice(0, 1));
  assert.throws(() => ports.publish(owner('clash'), wants({ '80/tcp': [on('8080')] }), OPTIONS), /already allocated$/);
});

test('any sequence: what is published is held, nothing else is, and no two clash', () => {
  const binding = fc.record({
    hostIp: fc.constantFrom('', '', '127.0.0.1', '10.0.0.1', '::', '::1', '0.0.0.0'),
    hostPort: fc.constantFrom('', '1', '2', '3', '1-3', '10-11'),
  });
  const operation = fc.oneof(
    fc.record({
      kind: fc.constant('publish' as const),
      who: fc.nat(5),
      bindings: fc.array(fc.tuple(fc.constantFrom('80/tcp', '81/tcp', '80/udp'), binding), { maxLength: 4 }),
    }),
    fc.record({ kind: fc.constant('release' as const), who: fc.nat(5) }),
    fc.record({ kind: fc.constant('foreign' as const), port: fc.constantFrom(1, 2, 10, 20, 21) }),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
      const { host, ports } = setUp({ ephemeral: () => [20, 23], reserved: () => [[22, 22]] });
      const model = new Map<string, PublishedPort[]>();
      for (const step of operations) {
        if (step.kind === 'publish') {
          const name = String(step.who);
          const bindings: Record<string, PortBinding[]> = {};
          for (const [port, one] of step.bindings) (bindings[port] ??= []).push(one);
          try {
            const published = ports.publish(owner(name), wants(bindings), OPTIONS);
            model.set(name, [...(model.get(name) ?? []), ...published]);
          } catch (error) {
            assert.match(String(error), /already allocated|already in use|all ports/);
          }
        } else if (step.kind === 'release') {
          ports.release(`ep-${step.who}`);
          model.delete(String(step.who));
        } else if (![...host.held.keys()].some((key) => key.endsWith(` ${step.port}`))) {
          host.foreign.add(`tcp 0.0.0.0 ${step.port}`);
        }
        const all = [...model.values()].flat();
        const keys = all.map(({ protocol, hostIp, hostPort }) => `${protocol} ${hostIp} ${hostPort}`);
        assert.deepEqual(keys.toSorted(), [...host.held.keys()].toSorted());
        assert.ok(all.every(({ hostPort }) => hostPort !== 22));
        for (const [index, a] of all.entries()) {
          for (const b of all.slice(index + 1)) {
            if (
              a.protocol !== b.protocol ||
              a.hostPort !== b.hostPort ||
              a.hostIp.includes(':') !== b.hostIp.includes(':')
            )
              continue;
            const wild = [a.hostIp, b.hostIp].some((address) => address === '0.0.0.0' || address === '::');
            assert.ok(!wild && a.hostIp !== b.hostIp, `${a.hostIp} and ${b.hostIp} on ${a.hostPort}`);
          }
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('ten thousand ports', () => {
  const { host, ports } = setUp();
  const bindings = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, index) => [`${index + 1}/tcp`, [on(String(index + 20_000))]]),
  );
  const start = process.cpuUsage();
  const published = ports.publish(owner('big'), wants(bindings), OPTIONS);
  assert.equal(published.length, 20_000);
  assert.equal(ports.adopt(owner('big'), published).length, 0);
  ports.release('ep-big');
  assert.equal(host.held.size, 0);
  assert.ok(process.cpuUsage(start).user < 20_000_000); // minutes, were it quadratic
});

test('relays learn whether the kernel forwards their ports, per endpoint', () => {
  const told: string[] = [];
  const holder = {
    hold: ({ hostIp: address, hostPort: port }: HostPort) => ({
      close: () => {},
      ...(address === '::' ? { setForwarded: (forwarded: boolean) => void told.push(`${port} ${forwarded}`) } : {}),
    }),
  };
  const { ports } = setUp({ holder });
  ports.publish(owner('web'), wants({ '80/tcp': [on('8080'), on('8081')] }), OPTIONS);
  ports.publish(owner('db'), wants({ '80/tcp': [on('8082')] }), OPTIONS);
  ports.setForwarded('ep-web', true);
  ports.setForwarded('ep-web', false);
  assert.deepEqual(told, ['8080 true', '8081 true', '8080 false', '8081 false']);
});
