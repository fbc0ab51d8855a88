/**
 * The network room's one door. Promises: an operation either happens as a whole (kernel, files, DNS, store) or leaves
 * nothing behind; when it resolves, everything that a container or a user can see of it is already so; what the store
 * holds is enough to make all of it again. Operations on one container run one after another; the kernel's part of each
 * is one synchronous block, so operations on different containers never see each other half done.
 */
import { KeyedLock } from '../base/keyed-lock.ts';
import { createConnections, type Connections } from './operations/connections.ts';
import { createCore, networkOf, type NetworkServiceDeps } from './operations/core.ts';
import { createKnownContainers, type KnownContainers } from './operations/known-containers.ts';
import { createLifecycle, type Lifecycle } from './operations/lifecycle.ts';
import { NetworkAdmin } from './operations/networks.ts';
import { createRuns, type Runs } from './operations/runs.ts';
import type { PoolUsage } from './ipam/ipam.ts';
import type { Endpoint } from '../model/endpoint.ts';
import type { NetworkRecord, NetworkSpec } from '../model/network.ts';

export type { NetworkConfig, NetworkStore, Resolver } from './contract.ts';
export type { NetworkServiceDeps } from './operations/core.ts';
export type { JoinRequest, Sandbox, SandboxRecord } from './table/sandbox.ts';
export type { Repair } from './operations/repair.ts';
export type { KnownContainer } from './dns/resolution.ts';

/** The networks themselves. */
export interface Networks {
  /** Throws Docker's refusals; `warnings` name options that have no effect. */
  createNetwork(spec: NetworkSpec): Promise<{ record: NetworkRecord; warnings: string[] }>;
  /** Throws `notFound`, or `forbidden` while containers are connected. */
  removeNetwork(id: string): Promise<void>;
  networks(): NetworkRecord[];
  endpoints(networkId: string): Endpoint[];
  /** What an inspection shows of a network's address pools. */
  poolUsage(networkId: string): PoolUsage[];
}

/** All of it; each user declares which part (engine/ports.ts). */
export type NetworkService = Lifecycle & Networks & KnownContainers & Runs & Connections;

export function createNetworkService(deps: NetworkServiceDeps): NetworkService {
  const core = createCore(deps);
  const admin = new NetworkAdmin(core);
  const locks = new KeyedLock();
  const runs = createRuns(core, locks);
  const networks: Networks = {
    async createNetwork(spec: NetworkSpec): Promise<{ record: NetworkRecord; warnings: string[] }> {
      return admin.create(spec);
    },

    async removeNetwork(id: string): Promise<void> {
      await admin.remove(id);
    },

    networks(): NetworkRecord[] {
      return core.table.networks();
    },

    endpoints(networkId: string): Endpoint[] {
      return core.table.endpoints(networkId);
    },

    poolUsage(networkId: string): PoolUsage[] {
      const network = networkOf(core, networkId);
      return network.pools.length === 0 ? [] : core.ipam.usage(networkId);
    },
  };
  return {
    ...createLifecycle(core, admin, runs),
    ...networks,
    ...createKnownContainers(core),
    ...runs,
    ...createConnections(core, locks),
  };
}
