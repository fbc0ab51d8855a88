/** The programs of iptables: which of them is of which kind, and what they print of a table. */
import { existsSync, readFileSync } from 'node:fs';
import { systemError } from '../../../base/errors.ts';
import { READ_MS, type Programs } from './host-program.ts';

export type IptablesKind = 'nft' | 'legacy';
export type IptablesFamily = 'ip' | 'ip6';

export const programOf = (family: IptablesFamily): string => (family === 'ip' ? 'iptables' : 'ip6tables');

/** Whether the kernel has a table of the older kind. Asking the program would make it. */
export function hasLegacyTable(family: IptablesFamily, table: string): boolean {
  const names = `/proc/net/${family}_tables_names`;
  return existsSync(names) && readFileSync(names, 'utf8').split('\n').includes(table);
}

/** What `iptables -S` prints of a table. */
export interface WholeListing {
  readonly text: string;
  /** It is only the beginning. */
  readonly cut: boolean;
}

/**
 * Undefined where the program is missing; 'incompatible' where it reports that the table has what only nft can have put
 * there.
 */
export async function listing(
  programs: Programs,
  kind: IptablesKind,
  family: IptablesFamily,
  table: string,
  timeoutMs = READ_MS,
): Promise<WholeListing | 'incompatible' | undefined> {
  const listed = await runKind(programs, kind, family, '', ['-w', '2', '-t', table, '-S'], { timeoutMs });
  if (listed === undefined || listed.code === 0) return listed && { text: listed.stdout, cut: listed.cut };
  if (/ is incompatible\b/.test(listed.stderr)) return 'incompatible';
  throw systemError(`${programOf(family)} cannot list its table ${table}: ${listed.stderr.trim().slice(0, 500)}`);
}

/** `iptables-nft-restore`, or `iptables-restore` where that one is of the kind. */
export async function runKind(
  programs: Programs,
  kind: IptablesKind,
  family: IptablesFamily,
  suffix: string,
  args: readonly string[],
  { input, timeoutMs }: { input?: string; timeoutMs?: number } = {},
) {
  const program = programOf(family);
  const exact = await programs.run(`${program}-${kind}${suffix}`, args, input, timeoutMs);
  if (exact) return exact;
  const version = await programs.run(`${program}${suffix}`, ['--version'], undefined, timeoutMs);
  const isNft = version?.stdout.includes('nf_tables') ?? false;
  return version && isNft === (kind === 'nft')
    ? programs.run(`${program}${suffix}`, args, input, timeoutMs)
    : undefined;
}
