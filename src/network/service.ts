/**
 * The network room's one door. Promises: an operation either happens as a whole (kernel, files, DNS, store) or leaves
 * nothing behind; when it resolves, everything that a container or a user can see of it is already so; what the store
 * holds is enough to make all of it again. Operations on one container run one after another; the kernel's part of each
 * is one synchronous block, so operations on different containers never see each other half done.
 */
import { Allocation } from './operations/allocate.ts';
import { applyChange, type ApplyChange } from './operations/change.ts';
import { ClashNotices } from './operations/clashes.ts';
import { createConnections, type Connections } from './operations/connections.ts';
import { ContainerLocks } from './operations/container-locks.ts';
import { closeCore, createCore, type NetworkServiceDeps } from './operations/core.ts';
import { Forwarding } from './operations/forwarding.ts';
import { hostWarnings } from './operations/host-warnings.ts';
import { createKnownContainers, type KnownContainers } from './operations/known-containers.ts';
import { leaveSandbox, type Leave } from './operations/leave.ts';
import { createLifecycle, type Lifecycle } from './operations/lifecycle.ts';
import { NetworkBuilder } from './operations/network-builder.ts';
import { NetworkRemoval } from './operations/network-removal.ts';
import { createNetworks, type Networks } from './operations/networks.ts';
import { OtherBridges } from './operations/other-bridges.ts';
import { FileRefresh } from './operations/refresh-files.ts';
import { Repairer } from './operations/repair/repairer.ts';
import { ResolverFeed } from './operations/resolver-feed.ts';
import { Adoption } from './operations/restore-adoption.ts';
import { removeOrphans } from './operations/restore-orphans.ts';
import { PredefinedNetworks } from './operations/restore-predefined.ts';
import { restore } from './operations/restore.ts';
import { createRuns, type Runs } from './operations/runs.ts';
import { subnetsInUse } from './operations/subnets-in-use.ts';

export type { NetworkConfig, NetworkStore, Resolver } from './contract.ts';
export type { NetworkServiceDeps } from './operations/core.ts';
export type { JoinRequest, Sandbox, SandboxRecord } from './table/sandbox.ts';
export type { Repair } from './operations/repair/report.ts';
export type { KnownContainer } from './dns/resolution.ts';
export type { Networks } from './operations/networks.ts';

/** All of it; each user declares which part (engine/ports.ts). */
export type NetworkService = Lifecycle & Networks & KnownContainers & Runs & Connections;

/** The one place where all parts are in hand: each takes what it declares. They share one object, as its policy changes. */
export function createNetworkService(deps: NetworkServiceDeps): NetworkService {
  const core = createCore(deps);
  const tools = Object.assign(core, {
    feed: new ResolverFeed(core),
    locks: new ContainerLocks(core.busy),
    allocation: new Allocation(core),
    subnets: subnetsInUse(core),
    forwarding: new Forwarding(core),
    otherBridges: new OtherBridges(core),
    clashNotices: new ClashNotices(core),
  });
  const withFiles = Object.assign(tools, { files: new FileRefresh(tools), builder: new NetworkBuilder(tools) });
  const apply: ApplyChange = (undo, change) => applyChange(withFiles, undo, change);
  const leave: Leave = (record, how) => leaveSandbox(withFiles, record, how);
  const all = Object.assign(withFiles, { apply, leave, removal: new NetworkRemoval(withFiles) });
  const runs = createRuns(all);
  return {
    ...createLifecycle(all, {
      restore: (live) =>
        restore(
          all,
          {
            ...all,
            predefined: new PredefinedNetworks(all),
            adoption: new Adoption(all),
            removeOrphans: () => removeOrphans(all),
          },
          live,
        ),
      repair: (listeners) => new Repairer(all, listeners),
      hostWarnings: () => hostWarnings(all),
      leave: (containerId) => runs.leave(containerId),
      destroy: (network) => all.removal.destroy(network),
      close: () => closeCore(core),
    }),
    ...createNetworks(all),
    ...createKnownContainers(all),
    ...runs,
    ...createConnections(all),
  };
}
