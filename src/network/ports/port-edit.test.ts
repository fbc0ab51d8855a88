import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PortBindings, PublishedPort } from '../../model/port.ts';
import {
  namedPublished,
  parseBindings,
  repeatedBindings,
  withBindings,
  withoutBindings,
  withoutPublished,
} from './port-edit.ts';

const published = (hostIp: string, hostPort: number, port = 80): PublishedPort => ({
  hostIp,
  hostPort,
  port,
  protocol: 'tcp',
});
const binding = (hostPort: string, hostIp = '') => ({ hostIp, hostPort });
const both = (hostPort: number, port = 80) => [published('0.0.0.0', hostPort, port), published('::', hostPort, port)];

test('what is named is found by container port, host port and host address, each of them or not', () => {
  const ports = [...both(8080), published('127.0.0.1', 8081), ...both(8443, 443)];
  const find = (spec: Record<string, { hostIp: string; hostPort: string }[]>) =>
    namedPublished(ports, parseBindings(spec));
  assert.deepEqual(find({ '80/tcp': [binding('')] }).found, ports.slice(0, 3));
  assert.deepEqual(find({ '80/tcp': [binding('8080')] }).found, both(8080));
  assert.deepEqual(find({ '80/tcp': [binding('8080', '0.0.0.0')] }).found, [published('0.0.0.0', 8080)]);
  assert.deepEqual(find({ '80/tcp': [binding('8080-8081')] }).found, ports.slice(0, 3));
  assert.deepEqual(
    find({
      '80/udp': [binding('')],
      '80/tcp': [binding('1'), binding('8080', '127.0.0.1')],
      '443/tcp': [binding('8443')],
    }),
    {
      found: both(8443, 443),
      missing: ['80/udp', '1:80/tcp', '127.0.0.1:8080:80/tcp'],
    },
  );
});

test('a binding goes with its ports, and is narrowed when some of them stay', () => {
  const bindings = { '80/tcp': [binding('8080'), binding('8081', '127.0.0.1')], '443/tcp': [binding('')] };
  const kept = [published('127.0.0.1', 8081), ...both(32768, 443)];
  assert.deepEqual(withoutPublished(bindings, both(8080), kept), {
    '80/tcp': [binding('8081', '127.0.0.1')],
    '443/tcp': [binding('')],
  });
  assert.deepEqual(withoutPublished(bindings, both(32768, 443), both(8080)), { '80/tcp': bindings['80/tcp'] });
  assert.deepEqual(withoutPublished(bindings, [published('0.0.0.0', 8080)], [published('::', 8080), ...kept]), {
    '80/tcp': [binding('8080', '::'), binding('8081', '127.0.0.1')],
    '443/tcp': [binding('')],
  });
  // Ports that were chosen: of a range, of all; each binding has its own.
  const chosen = { '80/tcp': [binding(''), binding('', '127.0.0.1'), binding('9000-9010'), binding('9003')] };
  const ports = [...both(32770), published('127.0.0.1', 32771), ...both(9000), ...both(9003)];
  const without = (gone: PublishedPort[]) =>
    withoutPublished(
      chosen,
      gone,
      ports.filter((port) => !gone.some((one) => one.hostPort === port.hostPort)),
    )['80/tcp'];
  assert.deepEqual(without(both(9003)), [binding(''), binding('', '127.0.0.1'), binding('9000-9010')]);
  assert.deepEqual(without(both(9000)), [binding(''), binding('', '127.0.0.1'), binding('9003')]);
  assert.deepEqual(without([published('127.0.0.1', 32771)]), [binding(''), binding('9000-9010'), binding('9003')]);
  assert.deepEqual(without(both(32770)), [binding('', '127.0.0.1'), binding('9000-9010'), binding('9003')]);
});

test('what is added and removed again leaves the bindings as they were', () => {
  const one = fc.record(
    { hostIp: fc.constantFrom('', '127.0.0.1'), hostPort: fc.integer({ min: 1, max: 9 }).map(String) },
    { noNullPrototype: true },
  );
  const list = fc.uniqueArray(one, { selector: ({ hostPort }) => hostPort, maxLength: 6 });
  fc.assert(
    fc.property(list, list, (before, added) => {
      const fresh = added.filter(({ hostPort }) => !before.some((other) => other.hostPort === hostPort));
      const bindings: PortBindings = before.length === 0 ? {} : { '80/tcp': before };
      const wanted = parseBindings({ '80/tcp': fresh });
      const became = fresh.flatMap(({ hostIp, hostPort }) =>
        hostIp === '' ? both(Number(hostPort)) : [published(hostIp, Number(hostPort))],
      );
      const kept = before.flatMap(({ hostIp, hostPort }) =>
        hostIp === '' ? both(Number(hostPort)) : [published(hostIp, Number(hostPort))],
      );
      const there = fresh.length === 0 ? bindings : withBindings(bindings, wanted);
      assert.deepEqual(withoutPublished(there, became, kept), bindings);
      assert.deepEqual(withoutBindings(there, wanted), { bindings, missing: [] });
    }),
  );
});

test('an empty list of bindings stands for a port that is chosen', () => {
  const bindings = { '80/tcp': [] };
  assert.deepEqual(withBindings(bindings, parseBindings({ '80/tcp': [binding('8080')] })), {
    '80/tcp': [binding(''), binding('8080')],
  });
  assert.deepEqual(withoutBindings(bindings, parseBindings({ '80/tcp': [binding('')] })), {
    bindings: {},
    missing: [],
  });
  const [any4, any6] = both(32768) as [PublishedPort, PublishedPort];
  assert.deepEqual(withoutPublished(bindings, [any4, any6], []), {});
  assert.deepEqual(withoutPublished(bindings, [any4], [any6]), { '80/tcp': [binding('', '::')] });
});

test('of a container that does not run, bindings are named as they were given', () => {
  const bindings = { '80/tcp': [binding('8080'), binding('9000-9010')], '53/udp': [binding('')] };
  assert.deepEqual(withoutBindings(bindings, parseBindings({ '80/tcp': [binding('')], '53/udp': [binding('1')] })), {
    bindings: { '53/udp': [binding('')] },
    missing: ['1:53/udp'],
  });
  assert.deepEqual(
    repeatedBindings(
      bindings,
      parseBindings({ '80/tcp': [binding('8080'), binding('8081')], '53/udp': [binding('')] }),
    ),
    ['8080:80/tcp'],
  );
});

test('what is no port is refused in the words of a start', () => {
  assert.throws(() => parseBindings({ 'x/tcp': [binding('1')] }), /invalid port: x\/tcp/);
  assert.throws(() => parseBindings({ '80/tcp': [binding('70000')] }), /invalid port specification: "70000"/);
  assert.throws(() => parseBindings({ '80/tcp': [binding('1', 'here')] }), /invalid IP address: here/);
});
