/** What on this host keeps networks from working as they should, in sentences for `info`. */
import { errorMessage } from '../../base/errors.ts';
import { strangerWarnings, unmarkedWarnings } from '../firewall/dropped-strangers.ts';
import { markWarning, sentenceOf, type ForeignDrop } from '../firewall/others/foreign-chains.ts';
import { readFlag } from '../host/host-facts.ts';
import { guardedBridge, keepsNeighboursApart } from '../plan/network-policy.ts';
import { strayWarnings } from '../table/strays.ts';
import { clashes } from './clashes.ts';
import type { NetworkCore } from './core.ts';

export type WarningNeeds = Pick<NetworkCore, 'bridgeNotice' | 'config' | 'log' | 'route' | 'table'> & {
  readonly way: Pick<NetworkCore['way'], 'enabled' | 'isMaking' | 'troubles'>;
  readonly foreignRules: Pick<NetworkCore['foreignRules'], 'ask'>;
  readonly firewall: Pick<NetworkCore['firewall'], 'context'>;
};

/** What cannot be determined now is said so, and keeps nothing else from being told. */
export async function hostWarnings(needs: WarningNeeds): Promise<string[]> {
  const { bridgeNotice, firewall, log, table, way } = needs;
  const tried = (what: string, read: () => readonly string[]): readonly string[] => {
    try {
      return read();
    } catch (error) {
      log.debug({ error: errorMessage(error) }, what);
      return [`${what} is not known just now: ${errorMessage(error)}`];
    }
  };
  return [
    ...(await foreignWarnings(needs)),
    ...way.troubles.map((text) => `no way for containers could be made in another firewall of this host: ${text}`),
    ...(bridgeNotice === '' ? [] : [bridgeNotice]),
    ...tried('whether networks clash with what else is on this host', () => clashes(needs).map(({ what }) => what)),
    ...strayWarnings(table),
    ...tried('what of strangers was dropped', () => strangerWarnings(firewall.context())),
    ...tried('what of containers came without a mark', () => unmarkedWarnings(firewall.context())),
    ...switchWarnings(needs),
  ];
}

function switchWarnings({ config, table }: Pick<NetworkCore, 'config' | 'table'>): string[] {
  const warnings: string[] = [];
  if (!config.ipForward && readFlag('net.ipv4.ip_forward') === false) warnings.push('IPv4 forwarding is disabled');
  const separates = table.networks().some((network) => guardedBridge(network) !== '' && keepsNeighboursApart(network));
  if (separates && readFlag('net.bridge.bridge-nf-call-iptables') === undefined) {
    warnings.push(
      'the kernel module br_netfilter is missing: containers on networks with enable_icc=false can reach each other',
    );
  }
  return warnings;
}

async function foreignWarnings({ foreignRules, log, way }: WarningNeeds): Promise<string[]> {
  try {
    const { drops, unknown, markUsers } = await foreignRules.ask();
    const making = ({ program }: ForeignDrop): boolean =>
      program !== 'nftables' && way.isMaking(program === 'firewalld' ? 'firewalld' : 'iptables');
    return [
      ...drops.map((drop) =>
        making(drop)
          ? `${sentenceOf(drop)}: the daemon is making way for them`
          : `${sentenceOf(drop)}. To let them pass: ${drop.advice}`,
      ),
      ...unknown,
      ...(way.enabled ? markUsers.map(markWarning) : []),
    ];
  } catch (error) {
    log.debug({ error: errorMessage(error) }, 'the rules of other firewalls cannot be read');
    return [`whether other firewalls drop traffic of containers is not known: ${errorMessage(error)}`];
  }
}
