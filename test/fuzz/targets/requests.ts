/** The bodies of requests, from their schemas: read, checked and mapped as the routes do it. */
import * as v from 'valibot';
import { adaptCreate } from '../../../src/api/create-by-version.ts';
import { configChanges } from '../../../src/api/map/config-changes.ts';
import { toContainerSpec, toResourceChanges, toRestartPolicy } from '../../../src/api/map/container-spec.ts';
import { toEndpointSpec } from '../../../src/api/map/endpoint-spec.ts';
import { toNetworkSpec } from '../../../src/api/map/network-json.ts';
import { validateConfig } from '../../../src/api/validate-config.ts';
import { checkEndpointConfigs } from '../../../src/engine/network/endpoint-configs.ts';
import { validateHost, validateRestartPolicy } from '../../../src/api/validate-host.ts';
import { validateNetworkMode } from '../../../src/api/validate-network-mode.ts';
import { validateNetwork } from '../../../src/api/validate-network.ts';
import { validateResources } from '../../../src/api/validate-resources.ts';
import { EMPTY_NETWORK_SPEC } from '../../../src/model/network.ts';
import { checkIpamConfig } from '../../../src/network/ipam/config-check.ts';
import { checkEndpointSpec } from '../../../src/network/ipam/endpoint-check.ts';
import { checkNetworkSpec } from '../../../src/network/plan/spec-check.ts';
import { parseBindings } from '../../../src/network/ports/port-edit.ts';
import { configSchema, createRequestSchema, updateRequestSchema } from '../../../src/wire/container-create.ts';
import { execCreateSchema, execStartSchema } from '../../../src/wire/exec.ts';
import { networkConnectSchema, networkCreateSchema, networkDisconnectSchema } from '../../../src/wire/network.ts';
import { parseBody } from '../../../src/wire/parse-body.ts';
import { portsRequestSchema } from '../../../src/wire/ports.ts';
import { authSchema } from '../../../src/wire/system.ts';
import { volumeCreateSchema } from '../../../src/wire/volume.ts';
import type { Target } from '../campaign.ts';
import { fromSchema, type SchemaWords } from '../from-schema.ts';

/** What the engine knows; the fuzz of a real engine adds the names of what exists there. */
export const WORDS: SchemaWords = {
  words: [
    'busybox',
    'bridge',
    'host',
    'none',
    'default',
    'private',
    'always',
    'on-failure',
    'A=b',
    'a',
    '/x',
    '/x:/y',
    '/x:/y:ro',
    'vol:/v',
    'local',
    '10.9.0.0/24',
    '10.9.0.1',
    'fd00::/64',
    'db:alias',
    'SIGTERM',
  ],
  byField: {
    Image: ['busybox', 'busybox:latest'],
    Cmd: ['true', 'sh', '-c'],
    NetworkMode: ['bridge', 'host', 'none', 'default', 'container:'],
    Type: ['bind', 'volume', 'tmpfs', 'image', 'json-file', 'none', 'local', 'npipe', 'cluster'],
    Subnet: ['10.9.0.0/24', 'fd00:9::/64', '0.0.0.0/0', '10.9.0.5/24'],
    Gateway: ['10.9.0.1', 'fd00:9::1'],
    IPRange: ['10.9.0.128/25'],
    Driver: ['bridge', 'macvlan', 'ipvlan', 'overlay', 'local', 'none'],
    MacAddress: ['02:42:ac:11:00:02', 'ff:ff:ff:ff:ff:ff'],
    Propagation: ['rprivate', 'rshared', 'rslave'],
    PidMode: ['host', 'container:'],
    IpcMode: ['shareable', 'private', 'host', 'none', 'container:'],
    UTSMode: ['host'],
    CgroupnsMode: ['host', 'private'],
    UsernsMode: ['host'],
    Ulimits: ['nofile'],
    CapAdd: ['ALL', 'NET_ADMIN', 'CAP_SYS_ADMIN'],
    CapDrop: ['ALL'],
    HostPort: ['80', '8080-8090', '0', ''],
    HostIp: ['127.0.0.1', '::1', '0.0.0.0', ''],
    Sysctls: ['net.ipv4.ip_forward', 'kernel.shmmax'],
    SecurityOpt: ['seccomp=unconfined', 'no-new-privileges', 'seccomp={}', 'systempaths=unconfined'],
    ExtraHosts: ['a:10.0.0.1', 'b:host-gateway'],
    Dns: ['1.1.1.1'],
    StopSignal: ['SIGTERM', '9'],
    ExposedPorts: ['80/tcp', '80-90'],
    PortBindings: ['80/tcp', '53/udp'],
    Scope: ['local', 'swarm'],
    EndpointsConfig: ['bridge', 'net'],
    IPv4Address: ['10.9.0.7', '172.17.0.9'],
    Options: ['com.docker.network.bridge.name', 'com.docker.network.driver.mtu', 'parent', 'macvlan_mode'],
    Env: ['A=b', 'A', '=x'],
    User: ['root', '0:0', 'nobody', '4294967295', '-1'],
    WorkingDir: ['/', '/x/../y', 'x'],
    Test: ['CMD', 'CMD-SHELL', 'NONE', 'true'],
    Devices: ['/dev/null', '/dev/zero'],
    PathOnHost: ['/dev/null', '/dev'],
    CgroupPermissions: ['rwm', 'x'],
    CpusetCpus: ['0', '0-1', '99'],
    Runtime: ['crun', 'runc', ''],
    Tmpfs: ['/t', 'size=1m'],
  },
};

function body<S extends v.GenericSchema>(name: string, schema: S, use: (value: v.InferOutput<S>) => void): Target {
  return {
    name: `body of ${name}`,
    make: (random) => ({ json: fromSchema(random, schema, WORDS) }),
    read(input) {
      use(parseBody(schema, name, JSON.stringify((input as { json: unknown }).json) ?? ''));
    },
  };
}

export const requestTargets: readonly Target[] = [
  body('container create', createRequestSchema, (request) => {
    validateNetworkMode(request);
    adaptCreate(request, 1.44 * 100, '2');
    validateConfig(request);
    validateHost(request.HostConfig);
    const spec = toContainerSpec(request);
    checkEndpointConfigs(spec.connection.networks, { networks: () => [] });
    parseBindings(spec.connection.portBindings);
  }),
  body('container update', updateRequestSchema, (request) => {
    validateResources(request, true);
    validateRestartPolicy(request.RestartPolicy);
    toResourceChanges(request);
    toRestartPolicy(request.RestartPolicy);
  }),
  body('commit', configSchema, (request) => {
    validateConfig(request);
    configChanges(request);
  }),
  body('network create', networkCreateSchema, (request) => {
    const spec = toNetworkSpec(request);
    validateNetwork(spec);
    checkNetworkSpec(spec);
    checkIpamConfig(spec);
  }),
  body('network connect', networkConnectSchema, ({ EndpointConfig: endpoint }) => {
    if (!endpoint) return;
    checkEndpointSpec(
      {
        predefined: false,
        ipam: {
          ...EMPTY_NETWORK_SPEC.ipam,
          pools: [{ subnet: '10.9.0.0/24', ipRange: '', gateway: '10.9.0.1', auxAddresses: {} }],
        },
      },
      toEndpointSpec(endpoint),
    );
  }),
  body('network disconnect', networkDisconnectSchema, () => {}),
  body('exec create', execCreateSchema, () => {}),
  body('exec start', execStartSchema, () => {}),
  body('volume create', volumeCreateSchema, () => {}),
  body('login', authSchema, () => {}),
  body('port change', portsRequestSchema, () => {}),
];
