import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LinkInfo } from '../../kernel/netlink/route-socket.ts';
import { chooseDefaultBridge } from './default-bridge.ts';

const config = { bridgeName: '', defaultBridgeName: '', dockerInstalled: false };
const bridge = (name: string): LinkInfo =>
  ({ name, kind: 'bridge', index: 3, masterIndex: 0, mac: '02:00:00:00:00:01', up: true }) as unknown as LinkInfo;

test('a bridge of the user has to be there; docker0 is made', () => {
  assert.throws(() => chooseDefaultBridge({ ...config, bridgeName: 'br0' }, []), {
    kind: 'invalid',
    message:
      /^Error initializing network controller: error creating default "bridge" network: bridge device with non default name br0 must be created manually/,
  });
  assert.equal(chooseDefaultBridge({ ...config, bridgeName: 'br0' }, [bridge('br0')]).name, 'br0');
  assert.equal(chooseDefaultBridge({ ...config, bridgeName: 'docker0' }, []).name, 'docker0');
  assert.equal(chooseDefaultBridge({ ...config, defaultBridgeName: 'br0' }, []).name, 'br0');
});
