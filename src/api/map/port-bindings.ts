/** Bindings by '80/tcp', as requests spell them. */
import { formatPort, parseBinding, parseBoundPort, type PortBinding } from '../../model/port.ts';

type PortMapRequest = Readonly<Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[]>>;

/** Throws `invalid` in Docker's words for what could not be published; `parse` has words of its own. */
export function toPortBindings(map: PortMapRequest, parse = parseBoundPort): Record<string, PortBinding[]> {
  const bindings: Record<string, PortBinding[]> = {};
  for (const [text, hostPorts] of Object.entries(map)) {
    (bindings[formatPort(parse(text))] ??= []).push(...hostPorts.map(toBinding));
  }
  return bindings;
}

/** Docker takes a protocol behind the host's port too, and does nothing with it. */
function toBinding({ HostIp, HostPort }: PortMapRequest[string][number]): PortBinding {
  const binding = { hostIp: HostIp, hostPort: HostPort.split('/')[0]! };
  parseBinding(binding);
  return binding;
}
