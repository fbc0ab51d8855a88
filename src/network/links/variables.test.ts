import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePort, type Port, type Protocol } from '../../model/port.ts';
import { linkVariables } from './variables.ts';

const ports = (...texts: string[]) => texts.map(parsePort);

test('one port, as a real Docker printed it, in its order', () => {
  const variables = linkVariables({
    alias: 'db',
    recipientName: 'web2',
    address: '172.17.0.3',
    ports: ports('5432/tcp'),
    sourceEnv: ['PATH=/usr/bin:/bin', 'PG_VERSION=9.3', 'HOME=/root', 'NOVALUE', 'URL=a=b', 'EMPTY='],
  });
  assert.deepEqual(variables, [
    'DB_PORT=tcp://172.17.0.3:5432',
    'DB_PORT_5432_TCP=tcp://172.17.0.3:5432',
    'DB_PORT_5432_TCP_ADDR=172.17.0.3',
    'DB_PORT_5432_TCP_PORT=5432',
    'DB_PORT_5432_TCP_PROTO=tcp',
    'DB_NAME=/web2/db',
    'DB_ENV_PG_VERSION=9.3',
    'DB_ENV_URL=a=b',
    'DB_ENV_EMPTY=',
  ]);
});

test('many ports, as a real Docker printed them', () => {
  const variables = linkVariables({
    alias: 'm',
    recipientName: 'cc',
    address: '172.17.0.2',
    ports: ports('9001/tcp', '53/udp', '8080', '9002/tcp', '53/tcp', '9000/tcp'),
    sourceEnv: [],
  });
  const each = (port: number, protocol: string) => {
    const name = `M_PORT_${port}_${protocol.toUpperCase()}`;
    return [
      `${name}=${protocol}://172.17.0.2:${port}`,
      `${name}_ADDR=172.17.0.2`,
      `${name}_PORT=${port}`,
      `${name}_PROTO=${protocol}`,
    ];
  };
  const expected = [
    'M_NAME=/cc/m',
    'M_PORT=tcp://172.17.0.2:53',
    ...[53, 8080, 9000, 9001, 9002].flatMap((port) => each(port, 'tcp')),
    ...each(53, 'udp'),
    'M_PORT_9000_TCP_START=tcp://172.17.0.2:9000',
    'M_PORT_9000_TCP_PORT_START=9000',
    'M_PORT_9000_TCP_END=tcp://172.17.0.2:9002',
    'M_PORT_9000_TCP_PORT_END=9002',
  ];
  assert.deepEqual(variables.toSorted(), expected.toSorted());
});

test('an alias with slashes: its last part names the variables, all of it is the name', () => {
  const variables = linkVariables({
    alias: 'a/my-db',
    recipientName: 'cc',
    address: '172.17.0.2',
    ports: [{ port: 1, protocol: 'tcp' }],
    sourceEnv: ['X=1'],
  });
  assert.equal(variables[0], 'MY_DB_PORT=tcp://172.17.0.2:1');
  assert.deepEqual(variables.slice(-2), ['MY_DB_NAME=/cc/a/my-db', 'MY_DB_ENV_X=1']);
});

test('the alias in capitals with underscores; no ports, no port variables', () => {
  const variables = linkVariables({
    alias: 'my-alias',
    recipientName: 'cc',
    address: '172.17.0.2',
    ports: [],
    sourceEnv: [],
  });
  assert.deepEqual(variables, ['MY_ALIAS_NAME=/cc/my-alias']);
});

test('runs are the longest stretches of one protocol, and of two ports at least', () => {
  const anyPort: fc.Arbitrary<Port> = fc.record({
    port: fc.integer({ min: 1, max: 12 }),
    protocol: fc.constantFrom<Protocol>('tcp', 'udp', 'sctp'),
  });
  fc.assert(
    fc.property(fc.uniqueArray(anyPort, { selector: ({ port, protocol }) => `${port}/${protocol}` }), (list) => {
      const variables = linkVariables({
        alias: 'a',
        recipientName: 'r',
        address: '10.0.0.1',
        ports: list,
        sourceEnv: [],
      });
      assert.equal(new Set(variables).size, variables.length);
      const found = variables.flatMap((variable) => {
        const match = /^A_PORT_(\d+)_(\w+)_PORT_END=(\d+)$/.exec(variable);
        return match ? [`${match[2]!.toLowerCase()} ${match[1]}-${match[3]}`] : [];
      });
      const has = (protocol: string, port: number) =>
        list.some((other) => other.protocol === protocol && other.port === port);
      const expected = list.flatMap(({ protocol, port }) => {
        if (has(protocol, port - 1) || !has(protocol, port + 1)) return [];
        let end = port;
        while (has(protocol, end + 1)) end++;
        return [`${protocol} ${port}-${end}`];
      });
      assert.deepEqual(found.toSorted(), expected.toSorted());
      for (const { port, protocol } of list)
        assert.ok(variables.includes(`A_PORT_${port}_${protocol.toUpperCase()}_ADDR=10.0.0.1`));
    }),
  );
});
