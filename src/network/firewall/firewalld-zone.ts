/**
 * The way through firewalld: a zone of ours that holds the bridges, and policies that let what our own table let through go to them and from them. It is made
 * by `firewall-cmd`, permanently, so that a reload of firewalld or a reboot leaves no moment without; whether it is there is read in firewalld's own table,
 * so that no program runs as long as nothing is missing.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monotonicMs } from '../../base/clock.ts';
import { errorMessage, systemError } from '../../base/errors.ts';
import type { RulesetContext } from '../../kernel/nftables/ruleset.ts';
import { runHostProgram } from './host-program.ts';
import { interfaceOf, leadsTo, listChains, listRules } from './nft-listing.ts';

export const ZONE = 'causeway';
const POLICIES = [
  { name: 'causeway-to', ingress: 'ANY', egress: ZONE },
  { name: 'causeway-from', ingress: ZONE, egress: 'ANY' },
] as const;

const RELOAD_EVERY_MS = 600_000;

/** A reload drops what others configured at runtime only, so there are few. */
export class ReloadLimit {
  #lastMs = -Infinity;

  take(): void {
    const now = monotonicMs();
    if (now - this.#lastMs < RELOAD_EVERY_MS) {
      throw systemError(`firewalld has to be reloaded before its zone ${ZONE} counts, which the daemon does once in ten minutes at most (what is configured at runtime only is lost by it): firewall-cmd --reload`);
    }
    this.#lastMs = now;
  }
}

interface ZoneState {
  /** Interfaces by zone, as rules of the table name them. */
  readonly zones: ReadonlyMap<string, string>;
  readonly hasZone: boolean;
  readonly hasPolicies: boolean;
}

/** Undefined where firewalld has no table in this namespace. */
function readZones(context: RulesetContext): ZoneState | undefined {
  const chains = listChains(context).filter((chain) => chain.family === 'inet' && chain.table === 'firewalld').map((chain) => chain.name);
  if (chains.length === 0) return undefined;
  const zones = new Map<string, string>();
  for (const chain of chains.filter((name) => /^filter_FORWARD(_IN)?_ZONES$/.test(name))) {
    for (const { expr = [] } of listRules(context, `chain inet firewalld ${chain}`)) {
      const zone = /^filter_FWD[IO]?_(.+)$/.exec(leadsTo(expr))?.[1];
      if (zone !== undefined) zones.set(interfaceOf(expr, 'iifname'), zone);
    }
  }
  return { zones, hasZone: chains.includes(`filter_FWD_${ZONE}`), hasPolicies: POLICIES.every(({ name }) => chains.includes(`filter_FWD_policy_${name}`)) };
}

/** Names that firewalld takes for what they are: a '+' at the end would stand for many interfaces. */
const isPlain = (name: string): boolean => /^[A-Za-z0-9_.-]+$/.test(name);

/** Bridges that the user put into a zone of his choice stay there. `gone` are those of networks just removed. Returns what was done, in words. */
export async function makeFirewalldWay(context: RulesetContext, bridges: readonly string[], reloads: ReloadLimit, gone: readonly string[] = []): Promise<string[]> {
  const state = readZones(context);
  if (!state) return [];
  const missing = bridges.filter((bridge) => isPlain(bridge) && !state.zones.has(bridge));
  const stale = [...state.zones].filter(([name, zone]) => zone === ZONE && (gone.includes(name) || /^br-[0-9a-f]{12}$/.test(name)) && !bridges.includes(name)).map(([name]) => name);
  if (missing.length === 0 && stale.length === 0 && (state.hasPolicies || bridges.every((bridge) => state.zones.get(bridge) !== ZONE))) return [];
  if (!state.hasZone || !state.hasPolicies) {
    // Without an interface in it, a zone has no chains: firewalld knows.
    const [zones, policies] = await Promise.all([askList('--get-zones'), askList('--get-policies')]);
    if (!zones) return []; // a table that firewalld left behind
    if (!zones.includes(ZONE) || (policies && POLICIES.some(({ name }) => !policies.includes(name)))) {
      await makeZone(missing, reloads);
      return [`firewalld has a zone ${ZONE} now, with the bridges of containers in it`];
    }
  }
  await Promise.all([['--permanent'], []].map(async (scope) => {
    await assign(scope, missing);
    await remove(scope, stale);
  }));
  return missing.length === 0 ? [] : [`firewalld: ${missing.join(', ')} is in the zone ${ZONE}`];
}

export async function removeFirewalldWay(context: RulesetContext): Promise<string[]> {
  if (!readZones(context)) return [];
  const [zones, policies] = await Promise.all([askList('--permanent', '--get-zones'), askList('--permanent', '--get-policies')]);
  const ours = POLICIES.filter(({ name }) => policies?.includes(name));
  if (!zones?.includes(ZONE) && ours.length === 0) return [];
  await Promise.all(ours.map(({ name }) => tell('--permanent', `--delete-policy=${name}`)));
  if (zones?.includes(ZONE)) await tell('--permanent', `--delete-zone=${ZONE}`);
  await tell('--reload');
  return [`firewalld: the zone ${ZONE} is removed`];
}

/** What the user changed in a zone that exists stays as it is. */
async function makeZone(bridges: readonly string[], reloads: ReloadLimit): Promise<void> {
  const [zones, policies] = await Promise.all([askList('--permanent', '--get-zones'), askList('--permanent', '--get-policies')]);
  const dir = mkdtempSync(join(tmpdir(), 'causeway-firewalld-'));
  const add = (kind: 'zone' | 'policy', name: string, xml: string): Promise<void> => {
    const file = join(dir, `${name}.xml`);
    writeFileSync(file, xml);
    return tell('--permanent', `--new-${kind}-from-file=${file}`, `--name=${name}`);
  };
  try {
    if (zones?.includes(ZONE)) await assign(['--permanent'], bridges);
    else await add('zone', ZONE, zoneXml(bridges));
    // A firewalld before 0.9 has no policies; it lets translated packets through in another way.
    await Promise.all(POLICIES.filter(({ name }) => policies && !policies.includes(name)).map((policy) => add('policy', policy.name, policyXml(policy))));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  reloads.take();
  await tell('--reload'); // a zone cannot be added to a firewalld that runs
}

const DESCRIPTION = '<description>Kept by the container engine Causeway: what may pass between containers and others is decided by its own rules.</description>';

const zoneXml = (bridges: readonly string[]): string =>
  `<?xml version="1.0" encoding="utf-8"?>\n<zone target="ACCEPT"><short>${ZONE}</short>${DESCRIPTION}${bridges.map((bridge) => `<interface name="${bridge}"/>`).join('')}</zone>\n`;

const policyXml = ({ name, ingress, egress }: (typeof POLICIES)[number]): string =>
  `<?xml version="1.0" encoding="utf-8"?>\n<policy target="ACCEPT"><short>${name}</short>${DESCRIPTION}<ingress-zone name="${ingress}"/><egress-zone name="${egress}"/></policy>\n`;

/** One that has another zone by now stays there. */
async function assign(scope: readonly string[], bridges: readonly string[]): Promise<void> {
  if (bridges.length === 0) return;
  await tell(...scope, `--zone=${ZONE}`, ...bridges.map((bridge) => `--add-interface=${bridge}`)).catch((error: unknown) => {
    if (!errorMessage(error).includes('ZONE_CONFLICT')) throw error;
  });
}

async function remove(scope: readonly string[], bridges: readonly string[]): Promise<void> {
  if (bridges.length > 0) await ask(...scope, `--zone=${ZONE}`, ...bridges.map((bridge) => `--remove-interface=${bridge}`));
}

/** What `firewall-cmd` printed; undefined where it refused or is missing. */
async function ask(...args: string[]): Promise<string | undefined> {
  const result = await runHostProgram('firewall-cmd', args);
  return result?.code === 0 ? result.stdout.trim() : undefined;
}

async function askList(...args: string[]): Promise<string[] | undefined> {
  return (await ask(...args))?.split(/\s+/);
}

async function tell(...args: string[]): Promise<void> {
  const result = await runHostProgram('firewall-cmd', args);
  if (!result) throw systemError('firewall-cmd is not installed');
  if (result.code !== 0) throw systemError(`firewall-cmd ${args.join(' ')}: ${result.stderr.trim().slice(0, 500)}`);
}
