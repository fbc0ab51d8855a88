import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseExtraHosts } from './extra-hosts.ts';

test('--add-host values', () => {
  assert.deepEqual(parseExtraHosts(['extra:10.1.2.3', 'six:fd00::6', 'bracket:[fd00::7]'], []), [
    { address: '10.1.2.3', names: ['extra'] },
    { address: 'fd00::6', names: ['six'] },
    { address: 'fd00::7', names: ['bracket'] },
  ]);
  assert.deepEqual(parseExtraHosts(['equals=10.1.2.3', 'six=[fd00::8]'], []), [
    { address: '10.1.2.3', names: ['equals'] },
    { address: 'fd00::8', names: ['six'] },
  ]);
  assert.deepEqual(parseExtraHosts(['gw:host-gateway'], ['172.17.0.1', 'fd00::1']), [
    { address: '172.17.0.1', names: ['gw'] },
    { address: 'fd00::1', names: ['gw'] },
  ]);
});

test('refusals', () => {
  assert.throws(() => parseExtraHosts(['bad'], []), { kind: 'invalid', message: 'bad format for add-host: "bad"' });
  assert.throws(() => parseExtraHosts(['bad:300.1.1.1'], []), {
    message: 'invalid IP address in add-host: "300.1.1.1"',
  });
  assert.throws(() => parseExtraHosts([':1.1.1.1'], []), { message: 'bad format for add-host: ":1.1.1.1"' });
  assert.throws(() => parseExtraHosts(['gw:host-gateway'], []), {
    message: 'unable to derive the IP value for host-gateway',
  });
});
