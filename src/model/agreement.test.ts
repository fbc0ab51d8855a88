/** What is taken when a container is made is not refused when it is started: both read it by the same rules. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toContainerSpec } from '../api/map/container-spec.ts';
import { validateHost } from '../api/validate-host.ts';
import { checkEndpointConfigs } from '../engine/network/endpoint-configs.ts';
import { checkEndpointSpec } from '../network/ipam/endpoint-check.ts';
import { parseExtraHosts } from '../network/hosts/extra-hosts.ts';
import { wantedPorts } from '../network/ports/port-request.ts';
import { resolveCapabilities } from '../oci/capabilities.ts';
import { parseSecurityOptions } from './security-options.ts';
import { createRequestSchema } from '../wire/container-create.ts';
import { checkValue } from '../wire/parse-body.ts';
import { EMPTY_NETWORK_SPEC } from './network.ts';

type Body = Readonly<Record<string, unknown>>;

function isMade(body: Body): boolean {
  const request = checkValue(createRequestSchema, 'CreateRequest', body);
  try {
    validateHost(request.HostConfig);
    checkEndpointConfigs(toContainerSpec(request).connection.networks, { networks: () => [] });
    return true;
  } catch {
    return false;
  }
}

function isStarted(body: Body): boolean {
  const { host, connection } = toContainerSpec(checkValue(createRequestSchema, 'CreateRequest', body));
  try {
    parseSecurityOptions(host.securityOpt);
    resolveCapabilities({ privileged: false, add: host.capAdd, drop: host.capDrop, available: [] });
    parseExtraHosts(connection.extraHosts, ['192.0.2.1']);
    wantedPorts([], connection.portBindings);
    for (const spec of Object.values(connection.networks))
      checkEndpointSpec(
        {
          predefined: false,
          ipam: {
            ...EMPTY_NETWORK_SPEC.ipam,
            pools: [{ subnet: '10.9.0.0/24', ipRange: '', gateway: '', auxAddresses: {} }],
          },
        },
        spec,
      );
    return true;
  } catch {
    return false;
  }
}

const host =
  (name: string) =>
  (value: unknown): Body => ({ HostConfig: { [name]: [value] } });
const ports = (HostPort: string, HostIp = ''): Body => ({
  HostConfig: { PortBindings: { '80/tcp': [{ HostIp, HostPort }] } },
});
const endpoint = (settings: Body): Body => ({ NetworkingConfig: { EndpointsConfig: { net: settings } } });
const sysctls = (text: string): Body => endpoint({ DriverOpts: { 'com.docker.network.endpoint.sysctls': text } });

const BODIES: readonly Body[] = [
  ...['a=1.2.3.4', 'a:1.2.3.4', 'a=[::1]', 'a:fe80::1%eth0', 'a=b=1.2.3.4', 'a=host-gateway'].map(host('ExtraHosts')),
  ...[
    'no-new-privileges=tRUE',
    'no-new-privileges=TRUE',
    'no-new-privileges:t',
    'writable-cgroups=fALSE',
    'seccomp:{"a":"="}',
    'seccomp={"a":":"}',
    'label=user:x',
    '=x',
  ].map(host('SecurityOpt')),
  ...['all', 'CAP_ALL', 'cap_net_admin', 'CAP_CAP_CHOWN', 'nope', ''].map(host('CapAdd')),
  ...['0-80', '0', '8080', '8080/tcp', '8080-8090/tcp', '08080', '65536', '9-8', ' 80'].map((text) => ports(text)),
  ...['banana', '1.2.3.4', '::1', '[::1]', 'fe80::1%eth0'].map((address) => ports('80', address)),
  ...['02:42:ac:11:00:02', '02-42-AC-11-00-02', '0242.ac11.0002', '02:42-ac:11:00:02', 'nonsense'].map((MacAddress) =>
    endpoint({ MacAddress }),
  ),
  ...['10.9.0.7', '0.0.0.0', '10.9.0', '::1'].map((IPv4Address) => endpoint({ IPAMConfig: { IPv4Address } })),
  ...['169.254.1.1', 'fe80::1%eth0', '::', '0::0.0.0.0', 'x'].map((address) =>
    endpoint({ IPAMConfig: { LinkLocalIPs: [address] } }),
  ),
  ...[
    'net.ipv4.conf.IFNAME.forwarding=1',
    'net.ipv4.conf.IFNAME.=1',
    'net.ipv4.conf.IFNAME.forwarding',
    'net.ipv4.conf.IFNAME.a.b=1',
    'net.ipv4.conf.eth0.forwarding=1',
  ].map(sysctls),
];

test('what is taken at create is not refused at start', () => {
  const contradictions = BODIES.filter((body) => isMade(body) && !isStarted(body)).map((body) => JSON.stringify(body));
  assert.deepEqual(contradictions, []);
  assert.ok(BODIES.filter(isMade).length > 20, 'most of these are taken');
});
