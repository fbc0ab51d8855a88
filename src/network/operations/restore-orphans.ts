/** What an earlier daemon left that nobody owns any more. */
import { readdirSync } from 'node:fs';
import { errorMessage } from '../../base/errors.ts';
import type { LinkInfo } from '../../kernel/netlink/route-socket.ts';
import type { StepRunner } from '../apply/step-runner.ts';
import { portsOfOthers } from '../host/default-bridge.ts';
import { isHostInterface } from '../interfaces/interface-name.ts';
import { bridgeMac } from '../interfaces/mac.ts';
import { hasMark, isInUseByAnother, isMarkedBy } from '../interfaces/own-mark.ts';
import type { Step } from '../plan/step.ts';
import type { NetworkCore } from './core.ts';

interface OrphanNeeds extends Pick<NetworkCore, 'adopted' | 'config' | 'log' | 'route' | 'table'> {
  readonly steps: Pick<StepRunner, 'tearDown'>;
}

/**
 * Namespaces, veths and bridges that carry the engine's mark and that no row knows: others that merely look alike are
 * foreign.
 */
export async function removeOrphans(needs: OrphanNeeds): Promise<void> {
  const { adopted, config, log, route, steps, table } = needs;
  const remove = async (what: string, step: Step): Promise<void> => {
    for (const error of await steps.tearDown([step])) log.warn({ error: errorMessage(error) }, `removing ${what}`);
  };
  const bridges = new Map(
    table
      .networks()
      .filter((network) => network.bridgeName !== '')
      .map((network) => [network.bridgeName, network]),
  );
  const parents = new Set(table.networks().map((network) => network.options['parent']));
  const veths = new Set(
    table.sandboxes().flatMap((record) => record.sandbox.endpoints.map((endpoint) => endpoint.hostIfname)),
  );
  const netnsFiles = new Set(table.sandboxes().map((record) => record.sandbox.netns));
  const [orphans, others]: [string[], string[]] = [[], []];
  const isOfAnother = (link: LinkInfo) => hasMark(link) && !isMarkedBy(link, config.hostId);
  const links = route.links();
  for (const link of links) {
    if (link.kind === 'veth' && isHostInterface(link.name, link.mac) && !veths.has(link.name)) {
      if (isOfAnother(link)) others.push(link.name);
      else orphans.push(link.name);
    }
    if (!isOwnLink(link) || bridges.has(link.name) || parents.has(link.name)) continue;
    if (link.kind === 'vlan' ? isOfAnother(link) : isInUseByAnother(link, links, config.hostId)) {
      others.push(link.name);
      continue;
    }
    const strangers = portsOfOthers(links, link.index).filter((port) => !veths.has(port.name));
    if (strangers.length === 0) orphans.push(link.name);
    else
      log.warn(
        { link: link.name, ports: strangers.map((port) => port.name) },
        'an orphaned bridge is left: others have interfaces on it',
      );
  }
  if (others.length > 0)
    log.warn(
      { links: others },
      'interfaces of containers of another data root are left as they are: a daemon with that data root takes them up again, and scripts/uninstall.sh --data-root removes them',
    );
  for (const link of adopted.links)
    if (!bridges.has(link)) await remove(`what was set on bridge ${link}`, { kind: 'release-bridge', link });
  for (const name of orphans) {
    log.info({ link: name }, 'orphaned link removed');
    await remove(`link ${name}`, { kind: 'delete-link', netns: '', link: name });
  }
  const directory = `${config.execRoot}/netns`;
  for (const name of readIfThere(directory)) {
    const netns = `${directory}/${name}`;
    if (netnsFiles.has(netns)) continue;
    log.info({ netns }, 'orphaned network namespace removed');
    await remove(`namespace ${netns}`, { kind: 'delete-netns', netns });
  }
}

/**
 * A bridge or VLAN of the engine: by its alias, or for a bridge that was only just made, by its address, which follows
 * from its name.
 */
function isOwnLink(link: LinkInfo): boolean {
  if (link.kind !== 'bridge' && link.kind !== 'vlan') return false;
  if (hasMark(link)) return true;
  const id = /^br-([0-9a-f]{12})$/.exec(link.name)?.[1];
  return id !== undefined && link.mac === bridgeMac(id);
}

function readIfThere(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
