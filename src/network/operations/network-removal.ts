/** Takes networks out of everything: what the store has said of one that is gone cannot be taken back. */
import { tryAgainLater } from '../../base/again.ts';
import { errorMessage, forbidden, notFound, throwCollected } from '../../base/errors.ts';
import type { NetworkRecord } from '../../model/network.ts';
import type { StepRunner } from '../apply/step-runner.ts';
import { driverNamed } from '../plan/drivers/registry.ts';
import { factsOfNetwork } from '../plan/firewall-facts.ts';
import { refuseRemovalInUse } from '../plan/spec-check.ts';
import type { Step } from '../plan/step.ts';
import { hasNames } from '../table/dns-names.ts';
import { bridgesOf, type NetworkCore } from './core.ts';
import type { ResolverFeed } from './resolver-feed.ts';

interface RemovalNeeds extends Pick<
  NetworkCore,
  'announcer' | 'ipam' | 'log' | 'pendingRemovals' | 'policy' | 'store' | 'table' | 'way'
> {
  readonly feed: Pick<ResolverFeed, 'forgetNetwork' | 'tell'>;
  readonly steps: Pick<StepRunner, 'tearDown'>;
}

export class NetworkRemoval {
  readonly #needs: RemovalNeeds;

  constructor(needs: RemovalNeeds) {
    this.#needs = needs;
  }

  /** As the user asks for it. Throws `notFound`, or `forbidden` while containers are connected. */
  async remove(id: string): Promise<void> {
    const { pendingRemovals, table } = this.#needs;
    const network = table.network(id);
    if (!network) throw notFound(`network ${id} not found`);
    if (network.predefined) throw forbidden(`${network.name} is a pre-defined network and cannot be removed`);
    if (table.endpointCount(id) > 0)
      throw forbidden(`error while removing network: network ${network.name} id ${id} has active endpoints`);
    refuseRemovalInUse(network, table.networks());
    // The next network with this bridge waits: its rules and addresses would go with those of this one.
    await pendingRemovals.removeBridge(network.bridgeName, () => this.#remove(network));
  }

  async #remove(network: NetworkRecord): Promise<void> {
    const { log, store, table } = this.#needs;
    const { id } = network;
    table.removeNetwork(id); // no container can connect to it any more
    try {
      await store.commit({ removeNetworks: [id] });
    } catch (error) {
      table.putNetwork(network);
      throw error;
    }
    await this.destroy(network, { stored: true }).catch((error: unknown) => {
      log.warn(
        { network: network.name, error: errorMessage(error) },
        'what is left of a removed network is tried again',
      );
      tryAgainLater(
        () => this.#removeAgain(network),
        (last) =>
          log.warn({ network: network.name, error: errorMessage(last) }, 'something is left of a removed network'),
      );
    });
  }

  /** Unless another has its bridge by then. */
  async #removeAgain(network: NetworkRecord): Promise<void> {
    const { steps, table } = this.#needs;
    if (network.configOnly || table.isBridge(network.bridgeName)) return;
    throwCollected(`removing network ${network.name}`, await steps.tearDown(this.#steps(network)));
  }

  /** Takes a network out of everything, whatever fails on the way. `stored`: the store knows that it is gone. */
  async destroy(network: NetworkRecord, { stored = false } = {}): Promise<void> {
    const { announcer, feed, ipam, pendingRemovals, policy, store, table, way } = this.#needs;
    table.removeNetwork(network.id);
    feed.forgetNetwork(network.id);
    announcer.forgetNetwork(network.id);
    const errors: unknown[] = [];
    const pending = [
      hasNames(network) ? feed.tell([{ op: 'remove-network', id: network.id }]) : undefined,
      stored ? undefined : store.commit({ removeNetworks: [network.id] }),
    ].map((work) => Promise.resolve(work).catch((error: unknown) => void errors.push(error)));
    const remove = factsOfNetwork(network, policy);
    // While loopback addresses are routed on a foreign bridge, the engine's rules are what keeps its neighbours from
    // the host's: they go last.
    const steps: Step[] = network.bridgeName === '' ? [] : [{ kind: 'release-bridge', link: network.bridgeName }];
    if (remove.length > 0) steps.push({ kind: 'change-elements', diff: { add: [], remove } });
    if (!network.configOnly) steps.push(...this.#steps(network));
    await pendingRemovals.fromNetwork(network.id);
    errors.push(...(await this.#needs.steps.tearDown(steps)));
    ipam.close(network.id);
    await Promise.all(pending);
    if (network.bridgeName !== '') {
      way.giveUp(network.bridgeName);
      await way.followBridges(() => bridgesOf(this.#needs));
    }
    throwCollected(`removing network ${network.name}`, errors);
  }

  #steps(network: NetworkRecord): Step[] {
    return driverNamed(network.driver).removeNetwork(network, this.#needs.table.networks());
  }
}
