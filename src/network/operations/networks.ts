/** Networks as users make and remove them. */
import { conflict, forbidden, invalid } from '../../base/errors.ts';
import { newId } from '../../model/ids.ts';
import type { NetworkRecord, NetworkSpec } from '../../model/network.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import { driverNamed, findDriver } from '../plan/drivers/registry.ts';
import { checkNetworkSpec, completeSpec, withDefaultOptions } from '../plan/spec-check.ts';
import type { ClashNotices } from './clashes.ts';
import { bridgesOf, networkOf, type NetworkCore } from './core.ts';
import type { NetworkBuilder } from './network-builder.ts';
import type { NetworkRemoval } from './network-removal.ts';
import type { PoolUsage } from '../../model/views.ts';

const PREDEFINED = new Set(['bridge', 'host', 'none', 'default']);

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

interface NetworkNeeds extends Pick<
  NetworkCore,
  'config' | 'facts' | 'ipam' | 'pendingRemovals' | 'store' | 'table' | 'way'
> {
  readonly builder: Pick<NetworkBuilder, 'create'>;
  readonly removal: Pick<NetworkRemoval, 'remove'>;
  readonly clashNotices: ClashNotices;
}

export function createNetworks(needs: NetworkNeeds): Networks {
  const { builder, clashNotices, config, facts, ipam, pendingRemovals, removal, table, way } = needs;
  return {
    async createNetwork(asked: NetworkSpec): Promise<{ record: NetworkRecord; warnings: string[] }> {
      const going = pendingRemovals.ofBridge(findDriver(asked.driver)?.hostLink(asked, '') ?? '');
      if (going) await going; // before anything is looked at: others create networks meanwhile
      if (PREDEFINED.has(asked.name))
        throw forbidden(`operation is not permitted on predefined ${asked.name} network `);
      if (asked.name.trim() === '') throw invalid('invalid name: name is empty');
      if (table.networks().some((network) => network.name === asked.name))
        throw conflict(`network with name ${asked.name} already exists`);
      const defaults = config.networkOptions[findDriver(asked.driver)?.name ?? asked.driver] ?? {};
      const wanted = withDefaultOptions(asked, defaults);
      const warnings = checkNetworkSpec(wanted);
      if (wanted.configOnly) return { record: await storeConfigOnly(needs, wanted), warnings };
      const driver = driverNamed(wanted.driver);
      const spec = completeSpec(wanted, table.networks());
      warnings.push(...driver.check(spec, facts, table.networks()));
      const record = await builder.create(spec);
      if (record.bridgeName !== '') await way.followBridges(() => bridgesOf(needs));
      clashNotices.tellNew();
      return { record, warnings };
    },

    async removeNetwork(id: string): Promise<void> {
      await removal.remove(id);
    },

    networks(): NetworkRecord[] {
      return table.networks();
    },

    endpoints(networkId: string): Endpoint[] {
      return table.endpoints(networkId);
    },

    poolUsage(networkId: string): PoolUsage[] {
      const network = networkOf(needs, networkId);
      return network.pools.length === 0 ? [] : ipam.usage(networkId);
    },
  };
}

async function storeConfigOnly(
  { store, table }: Pick<NetworkNeeds, 'store' | 'table'>,
  spec: NetworkSpec,
): Promise<NetworkRecord> {
  const record: NetworkRecord = {
    ...spec,
    driver: 'null', // as Docker has it: no driver is ever asked to make it
    scope: 'local',
    id: newId(),
    createdAt: new Date().toISOString(),
    pools: [],
    bridgeName: '',
    predefined: false,
  };
  table.putNetwork(record);
  await store.commit({ putNetworks: [record] });
  return record;
}
