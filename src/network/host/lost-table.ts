/**
 * A host that forwards for the sake of containers, and whose table that closes it to everything else is gone: for the
 * doctor, while no daemon runs that would restore it.
 */
import { join } from 'node:path';
import { silentLog } from '../../base/log.ts';
import { isKernelError } from '../../kernel/errors.ts';
import type { RulesetContext } from '../../kernel/nftables/ruleset.ts';
import { ForwardingNoteFile } from './forwarding-note.ts';
import { isForwardingOff } from './host-facts.ts';
import { FAMILY, TABLE } from '../firewall/schema.ts';

/**
 * Versions of IP that are forwarded between all interfaces, because a daemon turned that on and nothing drops what is
 * not of containers any more.
 */
export function openVersions(context: RulesetContext, stateDir: string): (4 | 6)[] {
  const { closed } = new ForwardingNoteFile(join(stateDir, 'forwarding'), silentLog).read();
  const needed = ([4, 6] as const).filter((version) => closed[version] !== undefined && !isForwardingOff(version));
  if (needed.length === 0) return [];
  const table = listTable(context);
  // `nft flush table` takes the rules only, and leaves chains and maps.
  const asks = /vmap @strangers\b/.test(table) && /\n\tchain strangers \{\n(\t\t.*\n)*\t\tdrop\n/.test(table);
  return needed.filter((version) => !asks || !new RegExp(`\\bipv${version} : goto strangers\\b`).test(table));
}

function listTable(context: RulesetContext): string {
  try {
    return String(context.list(`list table ${FAMILY} ${TABLE}`));
  } catch (error) {
    if (isKernelError(error, 'ENOENT')) return '';
    throw error;
  }
}
