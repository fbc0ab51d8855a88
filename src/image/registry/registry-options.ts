/** What the daemon's settings say about registries: mirrors, those that need no checked TLS, how much at once. */
import { lookup } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ipVersion, parseSubnet, subnetContains } from '../../model/addresses.ts';
import { isLoopback } from './transport.ts';

export interface RegistryOptions {
  /** Hosts ('registry.local:5000') and networks ('10.0.0.0/8') that may be spoken to without checked TLS. */
  readonly insecureRegistries: readonly string[];
  /** Addresses with a slash at the end that are asked before Docker Hub, in this order. */
  readonly mirrors: readonly string[];
  readonly maxConcurrentDownloads: number; // of one pull
  readonly maxConcurrentUploads: number; // of one push
  readonly maxDownloadAttempts: number;
}

export const DEFAULT_REGISTRY_OPTIONS: RegistryOptions = {
  insecureRegistries: [],
  mirrors: [],
  maxConcurrentDownloads: 3,
  maxConcurrentUploads: 5,
  maxDownloadAttempts: 5,
};

const HUB = ['docker.io', 'index.docker.io'];

export const isHub = (domain: string): boolean => HUB.includes(domain);

/** As Docker: mirrors are of Docker Hub, not of other registries. */
export function mirrorsOf(domain: string, { mirrors }: RegistryOptions): readonly URL[] {
  return isHub(domain) ? mirrors.map((mirror) => new URL('v2/', mirror)) : [];
}

type Resolve = (name: string) => Promise<readonly string[]>;

const resolveName: Resolve = async (name) => (await lookup(name, { all: true })).map(({ address }) => address);

const OWN_NETWORKS = ['127.0.0.0/8', '::1/128'];
/** A name server that does not answer must not hold a pull that goes through a proxy. */
const RESOLVE_MS = 2000;

async function addressesOf(name: string, resolve: Resolve): Promise<readonly string[]> {
  const timeout = new AbortController();
  const late = sleep(RESOLVE_MS, [], { signal: timeout.signal }).catch(() => []);
  try {
    return await Promise.race([resolve(name).catch(() => []), late]);
  } finally {
    timeout.abort();
  }
}

/** As Docker: this machine's own registries, and those that the configuration names, by name or by any address. */
export async function isInsecure(
  host: string,
  { insecureRegistries }: Pick<RegistryOptions, 'insecureRegistries'>,
  resolve: Resolve = resolveName,
): Promise<boolean> {
  const hostname = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  if (isLoopback(hostname)) return true;
  if (insecureRegistries.some((entry) => entry === host || entry === hostname)) return true;
  const networks = [...insecureRegistries, ...OWN_NETWORKS].map(parseSubnet).filter((one) => one !== undefined);
  const addresses = ipVersion(hostname) === 0 ? await addressesOf(hostname, resolve) : [hostname];
  return addresses.some((address) => networks.some((network) => subnetContains(network, address)));
}
