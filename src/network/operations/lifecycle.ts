import { errorMessage, throwCollected } from '../../base/errors.ts';
import type { KnownContainer } from '../dns/resolution.ts';
import { openInputGate } from '../host/input-gate.ts';
import { bridgesOf, type NetworkCore } from './core.ts';
import type { FileRefresh } from './refresh-files.ts';
import { followHostServers } from './host-servers.ts';
import { keepAddresses } from './known-containers.ts';
import type { NetworkRemoval } from './network-removal.ts';
import type { Repair, RepairListeners, Warning } from './repair/report.ts';
import type { ResolverFeed } from './resolver-feed.ts';
import type { Runs } from './runs.ts';

/** The whole, from the start of a daemon to its end. */
export interface Lifecycle {
  /** Before `restore`: `sandbox` shows those of these containers as the store has them. */
  recall(live: ReadonlySet<string>): void;
  /**
   * Makes the kernel match the store; before it nothing else may be called but `recall` and `sandbox`. `live`: containers whose sandbox stays.
   * `known`: all that exist. They are passed together, so that the resolver, which served meanwhile, forgets none of
   * their names.
   */
  restore(live: ReadonlySet<string>, known?: Iterable<KnownContainer>): Promise<void>;
  /** Notified of what was restored after another program removed it. */
  onRepair(listener: (repair: Repair) => void): void;
  /** Notified of what another program did to a network that stays as it is. */
  onWarning(listener: (warning: Warning) => void): void;
  /** Notified of each address that the host gets. */
  onHostAddress(listener: (address: string) => void): void;
  /** Containers keep their networks; only what this process holds is let go. */
  shutdown(): Promise<void>;
  /** Every sandbox, every network of the engine and the firewall table, from the kernel and from the store. */
  removeEverything(): Promise<void>;
  /** What is wrong with the host, in sentences for `info`. */
  hostWarnings(): Promise<string[]>;
}

interface LifecycleNeeds extends Pick<
  NetworkCore,
  'config' | 'firewall' | 'ipam' | 'log' | 'recalled' | 'resolution' | 'rows' | 'table' | 'way'
> {
  readonly feed: Pick<ResolverFeed, 'hostServers' | 'tell' | 'view' | 'views' | 'zones'>;
  readonly files: Pick<FileRefresh, 'others'>;
}

/** The operations that a whole is made of. */
export interface LifecycleParts {
  readonly restore: (live: ReadonlySet<string>) => Promise<void>;
  readonly repair: (listeners: RepairListeners) => { lookAtAllEndpoints(): void; close(): void };
  readonly hostWarnings: () => Promise<string[]>;
  readonly leave: Runs['leave'];
  readonly destroy: NetworkRemoval['destroy'];
  /** Lets go of what this process holds. */
  readonly close: () => Promise<void>;
}

export function createLifecycle(needs: LifecycleNeeds, parts: LifecycleParts): Lifecycle {
  const { config, feed, firewall, log, resolution, table, way } = needs;
  let repairer: { close(): void } | undefined;
  let hostServers: { close(): void } | undefined;
  let inputGate: { close(): void } | undefined;
  let tellRepair: (repair: Repair) => void = () => {};
  let tellWarning: (warning: Warning) => void = () => {};
  let tellAddress: (address: string) => void = () => {};
  return {
    recall(live: ReadonlySet<string>): void {
      needs.recalled.show(live);
    },

    async restore(live: ReadonlySet<string>, known: Iterable<KnownContainer> = []): Promise<void> {
      if (config.inputPolicy) inputGate = openInputGate(log);
      await parts.restore(live);
      needs.recalled.forget();
      if (way.enabled) await way.patiently(way.follow(() => bridgesOf(needs)));
      else await way.patiently(way.remove({ permanent: true }));
      for (const container of known) {
        keepAddresses(needs, undefined, container);
        resolution.remember(container);
      }
      const changes = [...feed.zones(table.networks().map((network) => network.id)), ...feed.views(table.sandboxes())];
      // One container whose names cannot be served is no reason to leave all the others without a daemon.
      await feed.tell(changes)?.catch((error: unknown) => log.error({ error: errorMessage(error) }, 'restoring names'));
      hostServers = followHostServers(needs);
      const started = parts.repair({
        onRepair: (repair) => tellRepair(repair),
        onWarning: (warning) => tellWarning(warning),
        onHostAddress: (address) => tellAddress(address),
      });
      repairer = started;
      started.lookAtAllEndpoints();
    },

    onRepair(listener: (repair: Repair) => void): void {
      tellRepair = listener;
    },

    onWarning(listener: (warning: Warning) => void): void {
      tellWarning = listener;
    },

    onHostAddress(listener: (address: string) => void): void {
      tellAddress = listener;
    },

    async shutdown(): Promise<void> {
      repairer?.close();
      hostServers?.close();
      inputGate?.close();
      await parts.close();
    },

    async removeEverything(): Promise<void> {
      repairer?.close();
      const errors: unknown[] = [];
      const collect = (error: unknown) => void errors.push(error);
      for (const record of table.sandboxes()) await parts.leave(record.sandbox.containerId).catch(collect);
      for (const network of table.networks()) await parts.destroy(network).catch(collect);
      await way.remove({ permanent: true });
      try {
        firewall.remove();
      } catch (error) {
        collect(error);
      }
      throwCollected('removing all networks', errors);
    },

    hostWarnings: parts.hostWarnings,
  };
}
