/** No network: a namespace with loopback and nothing else. One such network exists; Docker calls the driver "null". */
import { forbidden } from '../../../../base/errors.ts';
import type { NetworkDriver } from '../../driver.ts';

export const noneDriver: NetworkDriver = {
  name: 'null',
  policy: {
    connectable: false,
    publishes: false,
    firewalled: false,
    namespace: 'none',
    separates: () => false,
    needsGateway: () => true,
  },
  check: () => {
    throw forbidden('only one instance of "null" network is allowed');
  },
  hostLink: () => '',
  endpointHostLink: () => '',
  createNetwork: () => [],
  removeNetwork: () => [],
  gateways: () => ({ v4: '', v6: '' }),
  attach: () => [],
  detach: () => [],
};
