import { errorMessage, throwCollected } from '../../base/errors.ts';
import type { KnownContainer } from '../dns/resolution.ts';
import { openInputGate } from '../host/input-gate.ts';
import { viewChange } from './change.ts';
import { bridgesOf, type NetworkCore } from './core.ts';
import { followHostServers } from './host-servers.ts';
import { keepAddresses } from './known-containers.ts';
import { NetworkAdmin } from './networks.ts';
import { Repairer, type Repair, type Warning } from './repair.ts';
import { Restorer } from './restore.ts';
import type { Runs } from './runs.ts';

/** The whole, from the start of a daemon to its end. */
export interface Lifecycle {
  /**
   * Makes the kernel match the store; before it nothing else may be called. `live`: containers whose sandbox stays.
   * `known`: all that exist. They are passed together, so that the resolver, which served meanwhile, forgets none of
   * their names.
   */
  restore(live: ReadonlySet<string>, known?: Iterable<KnownContainer>): Promise<void>;
  /** Notified of what was restored after another program removed it. */
  onRepair(listener: (repair: Repair) => void): void;
  /** Notified of what another program did to a network that stays as it is. */
  onWarning(listener: (warning: Warning) => void): void;
  /** Containers keep their networks; only what this process holds is let go. */
  shutdown(): Promise<void>;
  /** Every sandbox, every network of the engine and the firewall table, from the kernel and from the store. */
  removeEverything(): Promise<void>;
  /** What is wrong with the host, in sentences for `info`. */
  hostWarnings(): Promise<string[]>;
}

export function createLifecycle(core: NetworkCore, admin: NetworkAdmin, runs: Pick<Runs, 'leave'>): Lifecycle {
  let repairer: Repairer | undefined;
  let hostServers: { close(): void } | undefined;
  let inputGate: { close(): void } | undefined;
  let tellRepair: (repair: Repair) => void = () => {};
  let tellWarning: (warning: Warning) => void = () => {};
  return {
    async restore(live: ReadonlySet<string>, known: Iterable<KnownContainer> = []): Promise<void> {
      if (core.config.inputPolicy) inputGate = openInputGate(core.log);
      await new Restorer(core, admin).restore(live);
      const { resolution, resolver, table, way } = core;
      if (way.enabled) await way.patiently(way.follow(() => bridgesOf(core)));
      else await way.patiently(way.remove({ permanent: true }));
      for (const container of known) {
        keepAddresses(core, undefined, container);
        resolution.remember(container);
      }
      const changes = resolution.zoneChanges(table.networks().map((network) => network.id));
      for (const record of table.sandboxes()) if (record.resolverPort > 0) changes.push(viewChange(core, record));
      // One container whose names cannot be served is no reason to leave all the others without a daemon.
      if (changes.length > 0)
        await resolver
          .apply(changes)
          .catch((error: unknown) => core.log.error({ error: errorMessage(error) }, 'restoring names'));
      hostServers = followHostServers(core);
      repairer = new Repairer(core, admin, {
        onRepair: (repair) => tellRepair(repair),
        onWarning: (warning) => tellWarning(warning),
      });
      repairer.lookAtAllEndpoints();
    },

    onRepair(listener: (repair: Repair) => void): void {
      tellRepair = listener;
    },

    onWarning(listener: (warning: Warning) => void): void {
      tellWarning = listener;
    },

    async shutdown(): Promise<void> {
      repairer?.close();
      hostServers?.close();
      inputGate?.close();
      core.lateFiles.close();
      await core.pendingRemovals.settle();
      for (const record of core.table.sandboxes()) core.ports.release(record.id);
      // Where nothing needs it any more, the engine leaves nothing in others' rules.
      if (core.table.sandboxes().length === 0) await core.way.patiently(core.way.remove({ permanent: false }));
      await core.way.close();
      core.staleFlows.flush();
      core.announcer.close();
      core.firewall.close();
      core.reaper.close();
      core.route.close();
    },

    async removeEverything(): Promise<void> {
      const { table, firewall, way } = core;
      repairer?.close();
      const errors: unknown[] = [];
      const collect = (error: unknown) => void errors.push(error);
      for (const record of table.sandboxes()) await runs.leave(record.sandbox.containerId).catch(collect);
      for (const network of table.networks()) await admin.destroy(network).catch(collect);
      await way.remove({ permanent: true });
      try {
        firewall.remove();
      } catch (error) {
        collect(error);
      }
      throwCollected('removing all networks', errors);
    },

    async hostWarnings(): Promise<string[]> {
      return admin.hostWarnings();
    },
  };
}
