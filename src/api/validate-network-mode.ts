/** Options that contradict the network mode; the texts are Docker's. */
import { invalid } from '../base/errors.ts';
import type { CreateRequest } from '../wire/container-create.ts';
import { isContainer, isHost } from './network-mode.ts';

export const CONFLICT = {
  containerLinks:
    "conflicting options: container type network can't be used with links. This would result in undefined behavior",
  hostLinks:
    "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
  dns: 'conflicting options: dns and the network mode',
  hostname: 'conflicting options: hostname and the network mode',
  mac: 'conflicting options: mac-address and the network mode',
  extraHosts: 'conflicting options: custom host-to-IP mapping and the network mode',
  publish: 'conflicting options: port publishing and the container type network mode',
  expose: 'conflicting options: port exposing and the container type network mode',
  utsHostname: 'conflicting options: hostname and the UTS mode',
} as const;

export function validateNetworkMode(request: CreateRequest): void {
  const { HostConfig: host } = request;
  if (host.NetworkMode === 'container' || isContainer(host.NetworkMode)) validateContainerMode(request);
  if (host.UTSMode === 'host' && request.Hostname !== '') throw invalid(CONFLICT.utsHostname);
  if (isHost(host.NetworkMode) && host.Links.length > 0) throw invalid(CONFLICT.hostLinks);
}

function validateContainerMode(request: CreateRequest): void {
  const { HostConfig: host } = request;
  if (host.NetworkMode === 'container' || host.NetworkMode === 'container:') {
    throw invalid('invalid network mode: invalid container format container:<name|id>');
  }
  if (request.Hostname !== '') throw invalid(CONFLICT.hostname);
  if (host.Links.length > 0) throw invalid(CONFLICT.containerLinks);
  if (host.Dns.length > 0) throw invalid(CONFLICT.dns);
  if (host.ExtraHosts.length > 0) throw invalid(CONFLICT.extraHosts);
  if (Object.keys(host.PortBindings).length > 0 || host.PublishAllPorts) throw invalid(CONFLICT.publish);
  if (request.ExposedPorts.length > 0) throw invalid(CONFLICT.expose);
}
