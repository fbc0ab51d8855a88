/** The host's own network: a container in it has no interface of its own, only files. One such network exists. */
import { forbidden } from '../../../../base/errors.ts';
import type { NetworkDriver } from '../../driver.ts';

export const hostDriver: NetworkDriver = {
  name: 'host',
  policy: {
    connectable: false,
    publishes: false,
    firewalled: false,
    namespace: 'host',
    separates: () => false,
    needsGateway: () => true,
  },
  check: () => {
    throw forbidden('only one instance of "host" network is allowed');
  },
  hostLink: () => '',
  endpointHostLink: () => '',
  createNetwork: () => [],
  removeNetwork: () => [],
  gateways: () => ({ v4: '', v6: '' }),
  attach: () => [],
  detach: () => [],
};
