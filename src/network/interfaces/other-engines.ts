/**
 * Other container and VM engines on the same host, recognized by the bridges that they make. What goes to those is for
 * their own rules to decide about: the engine's do not open it.
 */

export interface LinkFacts {
  readonly index: number;
  readonly name: string;
  readonly kind: string;
  readonly masterIndex: number;
}

export interface ForeignBridge {
  readonly name: string;
  readonly engine: string;
}

const BRIDGES: readonly { readonly pattern: RegExp; readonly engine: string }[] = [
  { pattern: /^(docker0|br-[0-9a-f]{12})$/, engine: 'Docker' },
  { pattern: /^(podman|cni-podman)\d+$/, engine: 'podman' },
  { pattern: /^nerdctl\d+$/, engine: 'nerdctl' },
  { pattern: /^(cni0|cbr0|kube-bridge)$/, engine: 'Kubernetes' },
  { pattern: /^virbr\d+$/, engine: 'libvirt' },
  { pattern: /^lxcbr\d+$/, engine: 'LXC' },
  { pattern: /^lxdbr\d+$/, engine: 'LXD' },
  { pattern: /^incusbr\d+$/, engine: 'Incus' },
];

/**
 * A port as Docker names it: a bridge that has one and is not the engine's is Docker's, whatever its user called it.
 */
export function isDockerPort(name: string): boolean {
  return /^veth[0-9a-f]{7}$/.test(name);
}

/** The bridges of other engines among all links; `isOurs` tells the engine's own bridges by name. */
export function foreignBridges(links: readonly LinkFacts[], isOurs: (name: string) => boolean): ForeignBridge[] {
  const withDockerPorts = new Set(
    links.filter((link) => link.kind === 'veth' && isDockerPort(link.name)).map((link) => link.masterIndex),
  );
  return links.flatMap(({ index, name, kind }): ForeignBridge[] => {
    if (kind !== 'bridge' || isOurs(name)) return [];
    const known = BRIDGES.find(({ pattern }) => pattern.test(name));
    if (known) return [{ name, engine: known.engine }];
    return withDockerPorts.has(index) ? [{ name, engine: 'Docker' }] : [];
  });
}

/** Why a network cannot be on it. */
export function foreignBridgeComplaint(name: string, engine: string): string {
  return `bridge ${name} is used by another engine (${engine}), which gives out the same addresses and has rules of its own for it: choose another bridge. One that is left of an engine which is gone goes with: ip link delete ${name}`;
}
