/** What a stored sandbox has to look like. */
import { connectionShape, endpointShape, idShape, portBindingsShape } from '../../model/record-shapes.ts';
import { flag, list, map, matching, object, oneOf, optional, portNumber, text, whole } from '../../model/shape.ts';
import type { JoinLink, JoinRequest, Sandbox, SandboxFiles, SandboxRecord } from './sandbox.ts';

const texts = list(text);
const port = object<JoinRequest['exposedPorts'][number]>({ port: portNumber, protocol: oneOf('tcp', 'udp', 'sctp') });
const path = matching(/^(\/|$)/, 'a path');

const request = object<JoinRequest>({
  containerId: idShape,
  containerName: text,
  hostname: text,
  domainname: text,
  mode: oneOf('networks', 'host', 'none'),
  connections: list(connectionShape),
  exposedPorts: list(port),
  portBindings: portBindingsShape,
  publishAllPorts: flag,
  dns: texts,
  dnsSearch: texts,
  dnsOptions: texts,
  extraHosts: texts,
  links: list(object<JoinLink>({ sourceId: text, sourceName: text, alias: text, ports: list(port) })),
  macAddress: text,
  sysctls: map(text),
  files: object<SandboxFiles>({ hosts: path, resolvConf: path, hostname: path }),
});

const sandbox = object<Sandbox>({
  id: text,
  containerId: idShape,
  netns: path,
  mode: oneOf('networks', 'host', 'none'),
  endpoints: list(endpointShape),
  gatewayEndpointId: text,
});

export const sandboxShape = object<SandboxRecord>({
  id: text,
  request,
  sandbox,
  pid: whole,
  sharers: optional(list(whole)),
  parked: optional(flag),
  resolverPort: portNumber,
  written: object<SandboxRecord['written']>({ hosts: text, resolvConf: text }),
});
