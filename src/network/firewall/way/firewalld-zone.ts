/**
 * The way through firewalld: the engine's own zone that holds the bridges, and policies that let what the engine's
 * table let through go to and from them. It is made in its permanent configuration, so that a reload of firewalld or a
 * reboot leaves no moment without; whether it is there is read in firewalld's own table, so that no program runs as
 * long as nothing is missing.
 */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { monotonicMs } from '../../../base/clock.ts';
import { systemError } from '../../../base/errors.ts';
import type { ProgramResult } from '../../../base/program.ts';
import type { RulesetContext } from '../../../kernel/nftables/ruleset.ts';
import { CONFIGURATION, fileOf, isInFile, POLICIES, readIfThere, ZONE, type Kind } from '../others/firewalld-files.ts';
import type { HostPrograms } from '../others/host-program.ts';
import type { GivenUpBridges } from './given-up-bridges.ts';
import { interfaceOf, leadsTo, listChains, listRules } from '../others/nft-listing.ts';

const RELOAD_EVERY_MS = 600_000;

/** A reload drops what others configured at runtime only, so there are few. */
export class ReloadLimit {
  #lastMs = -Infinity;

  take(): void {
    const now = monotonicMs();
    if (now - this.#lastMs < RELOAD_EVERY_MS) {
      throw systemError(
        `firewalld has to be reloaded before its zone ${ZONE} counts, which the daemon does once in ten minutes at most (what is configured at runtime only is lost by it): firewall-cmd --reload`,
      );
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
  const chains = listChains(context)
    .filter((chain) => chain.family === 'inet' && chain.table === 'firewalld')
    .map((chain) => chain.name);
  if (chains.length === 0) return undefined;
  const zones = new Map<string, string>();
  for (const chain of chains.filter((name) => /^filter_FORWARD(_IN)?_ZONES$/.test(name))) {
    for (const { expr = [] } of listRules(context, `chain inet firewalld ${chain}`)) {
      const zone = /^filter_FWD[IO]?_(.+)$/.exec(leadsTo(expr))?.[1];
      if (zone !== undefined) zones.set(interfaceOf(expr, 'iifname'), zone);
    }
  }
  return {
    zones,
    hasZone: chains.includes(`filter_FWD_${ZONE}`),
    hasPolicies: POLICIES.every(({ name }) => chains.includes(`filter_FWD_policy_${name}`)),
  };
}

/** Names that firewalld takes literally: a '+' at the end would mean many interfaces. */
const isPlain = (name: string): boolean => /^[A-Za-z0-9_.-]+$/.test(name);

/**
 * Names that only an engine gives a bridge: one in the engine's zone that is not its own (any more) may be another
 * engine's, which could not add it to a zone of its own.
 */
const ENGINES = /^(docker0|causeway0|br-[0-9a-f]{12})$/;

/**
 * Bridges that the user put into another zone stay there. `gone` are those that were once the engine's. Returns what
 * was done, in words.
 */
export async function makeFirewalldWay(
  context: RulesetContext,
  programs: HostPrograms,
  bridges: readonly string[],
  reloads: ReloadLimit,
  gone: GivenUpBridges,
): Promise<string[]> {
  const state = readZones(context);
  if (!state) return [];
  const missing = bridges.filter((bridge) => isPlain(bridge) && !state.zones.has(bridge));
  const stale = staleIn(state, bridges, gone);
  if (
    missing.length === 0 &&
    stale.length === 0 &&
    (state.hasPolicies || bridges.every((bridge) => state.zones.get(bridge) !== ZONE))
  )
    return [];
  if (!state.hasZone || !state.hasPolicies) {
    // Without an interface in it, a zone has no chains: firewalld knows.
    const [zones, policies] = await Promise.all([
      askList(programs, '--get-zones'),
      askList(programs, '--get-policies'),
    ]);
    if (!zones) return []; // a table that firewalld left behind
    if (!zones.includes(ZONE) || (policies && POLICIES.some(({ name }) => !policies.includes(name)))) {
      await makeZone(context, programs, missing, { hasPolicies: policies !== undefined, reloads });
      return [`firewalld has a zone ${ZONE} now, with the bridges of containers in it`];
    }
  }
  await refuseForeign(programs, 'zone', ZONE);
  await Promise.all(
    [['--permanent'], []].map(async (scope) => {
      await assign(programs, scope, missing);
      await remove(programs, scope, stale);
    }),
  );
  return missing.length === 0 ? [] : [`firewalld: ${missing.join(', ')} is in the zone ${ZONE}`];
}

/**
 * What is in the zone and no longer belongs there. What is the engine's again, or does not exist any more, is
 * forgotten.
 */
function staleIn({ zones }: ZoneState, bridges: readonly string[], gone: GivenUpBridges): string[] {
  const isIn = (name: string): boolean => zones.get(name) === ZONE || isInFile(name);
  for (const name of gone.names) if (bridges.includes(name) || !isIn(name)) gone.forget(name);
  const engines = [...zones].filter(([name, zone]) => zone === ZONE && ENGINES.test(name)).map(([name]) => name);
  return [...new Set([...gone.names, ...engines])].filter((name) => !bridges.includes(name));
}

/** Where firewalld does not run, its permanent configuration would bring it back. What the user calls alike stays. */
export async function removeFirewalldWay(context: RulesetContext, programs: HostPrograms): Promise<string[]> {
  try {
    return await removeParts(context, programs);
  } finally {
    // What firewalld keeps of a file that it changes or removes.
    for (const [kind, name] of PARTS)
      if (readIfThere(`${fileOf(kind, name)}.old`)?.includes(WHOSE))
        rmSync(`${fileOf(kind, name)}.old`, { force: true });
  }
}

async function removeParts(context: RulesetContext, programs: HostPrograms): Promise<string[]> {
  if (!readZones(context) && !PARTS.some(([kind, name]) => existsSync(fileOf(kind, name)))) return [];
  const [zones, policies] = await Promise.all([
    askList(programs, '--permanent', '--get-zones'),
    askList(programs, '--permanent', '--get-policies'),
  ]);
  if (!zones) return removeFiles();
  const here = { zone: zones, policy: policies ?? [] };
  const there = PARTS.filter(([kind, name]) => here[kind].includes(name));
  const own = (await Promise.all(there.map(async (part) => ((await isOwn(programs, ...part)) ? [part] : [])))).flat();
  if (own.length === 0) return [];
  for (const [kind, name] of own) await tell(programs, '--permanent', `--delete-${kind}=${name}`);
  await tell(programs, '--reload');
  return [`firewalld: the zone ${ZONE} is removed`];
}

/** Policies first: they name the zone. */
const PARTS: readonly (readonly [Kind, string])[] = [
  ...POLICIES.map(({ name }) => ['policy', name] as const),
  ['zone', ZONE],
];

function removeFiles(): string[] {
  const own = PARTS.map(([kind, name]) => fileOf(kind, name)).filter((file) => readIfThere(file)?.includes(WHOSE));
  for (const file of own) rmSync(file);
  for (const [kind, name] of PARTS) rmSync(`${fileOf(kind, name)}.new`, { force: true }); // of a daemon that was killed while it wrote
  return own.length === 0 ? [] : [`firewalld: the zone ${ZONE} is removed from its configuration`];
}

/** By its own description. */
async function isOwn(programs: HostPrograms, kind: Kind, name: string): Promise<boolean> {
  const text =
    readIfThere(fileOf(kind, name)) ?? (await ask(programs, '--permanent', `--${kind}=${name}`, '--get-description'));
  return text?.includes(WHOSE) ?? false;
}

async function refuseForeign(programs: HostPrograms, kind: Kind, name: string): Promise<void> {
  if (await isOwn(programs, kind, name)) return;
  throw systemError(
    `firewalld has a ${kind} ${name} that the engine did not make: it is left alone; give it another name, or start the daemon with --firewall-integration=false`,
  );
}

/**
 * What the user changed in a zone that exists stays as it is. Files and not `firewall-cmd`, which takes half a second
 * of processor time for each: containers are cut off until it is done. firewalld reads them when it is reloaded, which
 * has to be in any case: a zone cannot be added to one that runs.
 */
async function makeZone(
  context: RulesetContext,
  programs: HostPrograms,
  bridges: readonly string[],
  { hasPolicies, reloads }: { readonly hasPolicies: boolean; readonly reloads: ReloadLimit },
): Promise<void> {
  for (const [kind, name] of PARTS) if (isThere(kind, name)) await refuseForeign(programs, kind, name);
  if (isThere('zone', ZONE)) await assign(programs, ['--permanent'], bridges);
  else writeWhole(fileOf('zone', ZONE), zoneXml(bridges, hasPolicies));
  if (hasPolicies)
    for (const policy of POLICIES)
      if (!isThere('policy', policy.name)) writeWhole(fileOf('policy', policy.name), policyXml(policy));
  reloads.take();
  await tell(programs, '--reload');
  if (bridges.length > 0 && readZones(context)?.hasZone === false)
    throw systemError(
      `firewalld was reloaded and has no zone ${ZONE}: does it read its configuration from ${CONFIGURATION}?`,
    );
}

/** As its own configuration, or as a package brought it. */
const isThere = (kind: Kind, name: string): boolean =>
  [CONFIGURATION, '/usr/lib/firewalld'].some((directory) => existsSync(fileOf(kind, name, directory)));

/** firewalld looks at what ends in .xml as soon as it is there. */
function writeWhole(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, text, { mode: 0o644 });
  renameSync(`${file}.new`, file);
}

const WHOSE = 'Kept by the container engine Causeway';
const DESCRIPTION = `<description>${WHOSE}: what may pass between containers and others is decided by its own rules.</description>`;

/**
 * The policies let through what is forwarded; servers of the host are for containers what the user opens. A firewalld
 * before 0.9 has no policies.
 */
const zoneXml = (bridges: readonly string[], hasPolicies: boolean): string =>
  `<?xml version="1.0" encoding="utf-8"?>\n<zone${hasPolicies ? '' : ' target="ACCEPT"'}><short>${ZONE}</short>${DESCRIPTION}${bridges.map((bridge) => `<interface name="${bridge}"/>`).join('')}</zone>\n`;

const policyXml = ({ name, ingress, egress }: (typeof POLICIES)[number]): string =>
  `<?xml version="1.0" encoding="utf-8"?>\n<policy target="ACCEPT"><short>${name}</short>${DESCRIPTION}<ingress-zone name="${ingress}"/><egress-zone name="${egress}"/></policy>\n`;

/** One that has another zone by now stays there. */
async function assign(programs: HostPrograms, scope: readonly string[], bridges: readonly string[]): Promise<void> {
  if (bridges.length === 0) return;
  const args = [...scope, `--zone=${ZONE}`, ...bridges.map((bridge) => `--add-interface=${bridge}`)];
  const result = await programs.run('firewall-cmd', args);
  if (!result?.stderr.includes('ZONE_CONFLICT')) checkTold(result, args);
}

async function remove(programs: HostPrograms, scope: readonly string[], bridges: readonly string[]): Promise<void> {
  if (bridges.length > 0)
    await ask(programs, ...scope, `--zone=${ZONE}`, ...bridges.map((bridge) => `--remove-interface=${bridge}`));
}

/** What `firewall-cmd` printed; undefined where it refused or is missing. */
async function ask(programs: HostPrograms, ...args: string[]): Promise<string | undefined> {
  const result = await programs.run('firewall-cmd', args);
  return result?.code === 0 ? result.stdout.trim() : undefined;
}

async function askList(programs: HostPrograms, ...args: string[]): Promise<string[] | undefined> {
  return (await ask(programs, ...args))?.split(/\s+/);
}

async function tell(programs: HostPrograms, ...args: string[]): Promise<void> {
  checkTold(await programs.run('firewall-cmd', args), args);
}

function checkTold(result: ProgramResult | undefined, args: readonly string[]): void {
  if (!result) throw systemError('firewall-cmd is not installed');
  if (result.code !== 0) throw systemError(`firewall-cmd ${args.join(' ')}: ${result.stderr.trim().slice(0, 500)}`);
}
