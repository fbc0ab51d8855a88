import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeRecord } from '../../../test/oci/fixture.ts';
import { EMPTY_ENDPOINT_SPEC } from '../../model/endpoint.ts';
import type { NetworkRecord } from '../../model/network.ts';
import { connectionsOf } from './network-mode.ts';
import { checkLinks, joinRequest, resolveNetworks } from './start-network.ts';

const NAMES = ['bridge', 'host', 'none', 'foo', 'bar'];
const source = {
  networks: () => NAMES.map((name) => ({ id: `${name}0`.padEnd(64, '0'), name }) as unknown as NetworkRecord),
};
const spec = (networkMode: string, ...networks: string[]) => ({
  ...makeRecord('true').spec.connection,
  networkMode,
  networks: Object.fromEntries(networks.map((name) => [name, { ...EMPTY_ENDPOINT_SPEC, aliases: [`at-${name}`] }])),
});
const namesOf = (networkMode: string, ...networks: string[]) =>
  connectionsOf(spec(networkMode, ...networks), source).map(({ networkName }) => networkName);

test('a container gets the networks that its request names, and its mode adds none', () => {
  for (const mode of ['', 'default', 'bridge', 'none', 'foo', 'nosuch']) {
    assert.deepEqual(namesOf(mode, 'bar'), ['bar'], mode);
    assert.deepEqual(namesOf(mode, 'bar0'), ['bar'], `${mode}: by a part of its id`);
    assert.deepEqual(namesOf(mode, 'nosuch'), ['nosuch'], `${mode}: not there yet`);
  }
  assert.deepEqual(namesOf('default', 'bar', 'foo'), ['bar', 'foo']);
  assert.deepEqual(namesOf('bridge', 'none'), ['none']);
});

test('where no network is named it is that of the mode', () => {
  assert.deepEqual(namesOf(''), ['bridge']);
  assert.deepEqual(namesOf('default'), ['bridge']);
  assert.deepEqual(namesOf('foo0'), ['foo']);
  assert.deepEqual(namesOf('none'), ['none']);
  assert.deepEqual(namesOf('container:other', 'bar'), []);
});

test("the mode's own network is first, with the settings that it is named with", () => {
  const connections = connectionsOf(spec('foo0', 'bar', 'foo'), source);
  assert.deepEqual(
    connections.map((one) => [one.networkName, one.spec.aliases]),
    [
      ['foo', ['at-foo']],
      ['bar', ['at-bar']],
    ],
  );
});

test('networks that exclude each other are refused in the words of Docker', () => {
  assert.throws(() => namesOf('host', 'bar'), /sharing network namespace with another container or host/);
  assert.throws(() => namesOf('host', 'host', 'bar'), /sharing network namespace with another container or host/);
  assert.throws(() => namesOf('bridge', 'host'), /container must be created in host network mode/);
  assert.throws(() => namesOf('foo', 'none', 'bar'), /one of the networks in private \(none\) mode/);
  assert.throws(() => namesOf('none', 'none', 'bar'), /one of the networks in private \(none\) mode/);
  assert.deepEqual(namesOf('host', 'host'), ['host']);
});

function record(networkMode: string, ...networks: string[]) {
  const made = makeRecord('true');
  const connection = spec(networkMode, ...networks);
  return { ...made, spec: { ...made.spec, connection }, connections: connectionsOf(connection, source) };
}

test('a start is refused while the network of the mode is missing, also where the container is on others', () => {
  assert.throws(() => resolveNetworks(source, record('nosuch')), /^CausewayError: network nosuch not found/);
  assert.throws(
    () => resolveNetworks(source, record('nosuch', 'bar')),
    /could not find a network matching network mode nosuch: network nosuch not found/,
  );
  assert.equal(resolveNetworks(source, record('foo', 'bar')).connections.length, 1);
});

test('a container is without network where it is on the network none, whatever its mode', () => {
  const modeOf = (...args: Parameters<typeof record>) => joinRequest({ dataRoot: '/d' }, record(...args), []).mode;
  assert.deepEqual(
    [modeOf('none'), modeOf('bridge', 'none'), modeOf('none', 'bar'), modeOf('host'), modeOf('bridge')],
    ['none', 'none', 'networks', 'host', 'networks'],
  );
});

test('without a default bridge (--bridge=none) a container has no network, and has it again with a later one', () => {
  const none = { networks: () => source.networks().filter(({ name }) => name !== 'bridge') };
  for (const made of [record('bridge'), record('default')]) {
    const started = resolveNetworks(none, made);
    assert.deepEqual(
      started.connections.map(({ networkName, networkId }) => [networkName, networkId]),
      [['bridge', '']],
    );
    assert.deepEqual(joinRequest({ dataRoot: '/d' }, started, []).connections, []);
    assert.notEqual(resolveNetworks(source, started).connections[0]!.networkId, '');
  }
  const other = { networks: () => none.networks().filter(({ name }) => name !== 'foo') };
  assert.throws(() => resolveNetworks(other, record('foo')), /network foo not found/);
});

test('links are of the default bridge: not of a container that is elsewhere', () => {
  const src = { ...makeRecord('true'), id: 's'.repeat(64), name: 'src' };
  const links = [{ sourceId: src.id, sourceName: 'src', alias: 'db' }];
  const containers = { get: (id: string) => (id === src.id ? src : undefined), tryFind: () => undefined };
  assert.deepEqual(checkLinks(containers, { ...record('bridge', 'bar'), links }), []);
  assert.throws(() => checkLinks(containers, { ...record('bridge'), links }), /Cannot link to a non running container/);
});

test('a link to a container that is not on the default bridge is refused, whatever else it is on', () => {
  const linking = (...args: Parameters<typeof record>) => {
    const made = record(...args);
    const src = { ...made, id: 's'.repeat(64), name: 'src', state: { ...made.state, status: 'running' as const } };
    const links = [{ sourceId: src.id, sourceName: 'src', alias: 'db' }];
    const containers = { get: (id: string) => (id === src.id ? src : undefined), tryFind: () => undefined };
    return checkLinks(containers, { ...record('bridge'), links }).length;
  };
  assert.equal(linking('bridge'), 1);
  assert.equal(linking('foo', 'bridge'), 1);
  for (const elsewhere of ['foo', 'none', 'container:x'])
    assert.throws(() => linking(elsewhere), {
      message: `container ${'s'.repeat(64)} not attached to default bridge network`,
    });
});
