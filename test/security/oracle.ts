/** What was recorded of dockerd 28.5 (record.ts). */
import { readFileSync } from 'node:fs';
import type { OciDeviceRule, OciSeccomp } from '../../src/oci/oci-spec.ts';
import type { Facts } from './probe/collect.ts';
import { unpack, type Confinement } from './probe/variants.ts';

interface Recorded extends Confinement {
  readonly dockerd: string;
  readonly kernel: string;
  readonly calls: { readonly filtered: Facts; readonly unfiltered: Facts };
  readonly specs: Readonly<
    Record<
      string,
      {
        seccomp: OciSeccomp;
        maskedPaths: string[];
        readonlyPaths: string[];
        sysctl: Record<string, string>;
        devices: OciDeviceRule[];
      }
    >
  >;
}

export const recorded = JSON.parse(
  readFileSync(new URL('docker-28.5/confinement.json', import.meta.url), 'utf8'),
) as Recorded;
export const theirFacts = unpack(recorded.facts);

/** name -> what the profile says: 'allowed', 'ENOSYS', or 'allowed if ...'. What it does not name fails with EPERM. */
export function decisions(profile: OciSeccomp): Record<string, string> {
  const said: Record<string, string[]> = {};
  for (const { names, action, args, errnoRet } of profile.syscalls ?? []) {
    const condition = (args ?? [])
      .map(
        ({ index, value, valueTwo, op }) =>
          `argument ${index} ${OPERATORS[op] ?? op} ${op === 'SCMP_CMP_MASKED_EQ' ? `0x${value.toString(16)} = ${valueTwo ?? 0}` : value < 4096 ? value : `0x${value.toString(16)}`}`,
      )
      .join(' and ');
    const verdict =
      action === 'SCMP_ACT_ALLOW' ? 'allowed' : errnoRet === 38 ? 'ENOSYS' : `${action} ${errnoRet ?? ''}`;
    for (const name of names) (said[name] ??= []).push(condition === '' ? verdict : `${verdict} if ${condition}`);
  }
  return Object.fromEntries(
    Object.entries(said).map(([name, all]) => [
      name,
      all.includes('allowed') ? 'allowed' : [...new Set(all)].sort().join(' or '),
    ]),
  );
}

const OPERATORS: Readonly<Record<string, string>> = {
  SCMP_CMP_EQ: '=',
  SCMP_CMP_NE: '≠',
  SCMP_CMP_LT: '<',
  SCMP_CMP_GT: '>',
  SCMP_CMP_MASKED_EQ: '&',
};
