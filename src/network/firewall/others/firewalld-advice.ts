/**
 * The remedy for a drop by firewalld, in its own terms: whether a reload, a zone or the order of policies is needed
 * depends on what drops.
 */
import type { Stop } from './filter-model.ts';
import { isInFile, POLICIES, policyPriority } from './firewalld-files.ts';

/** The table that firewalld has while it lets nothing through: in its panic mode, and for the second of a reload. */
const PANIC_TABLE = 'firewalld_policy_drop';
const MIN_PRIORITY = -32768;

export const isOfFirewalld = ({ filter }: Stop): boolean =>
  filter.table === 'firewalld' || filter.table === PANIC_TABLE;

/** What has a cure of its own. */
export function firewalldCause(stop: Stop): string {
  return stop.filter.table === PANIC_TABLE ? PANIC_TABLE : (policyOf(stop) ?? '');
}

/** `bridges` are words for a shell, of `names`. `direct`: what is reached without a published port. */
export function firewalldAdvice(
  stop: Stop,
  names: readonly string[],
  bridges: readonly string[],
  { direct, marked }: { readonly direct: boolean; readonly marked: boolean },
): string {
  if (stop.filter.table === PANIC_TABLE) return 'firewall-cmd --panic-off';
  const policy = policyOf(stop);
  if (policy !== undefined) return policyAdvice(policy, marked);
  // The engine's zone that holds them waits for nothing else; the zone trusted would open servers of the host to
  // containers.
  if (marked && names.every(isInFile)) return 'firewall-cmd --reload';
  return [
    `firewall-cmd --permanent --zone=trusted ${bridges.map((bridge) => `--change-interface=${bridge}`).join(' ')}`,
    ...(direct
      ? [
          'firewall-cmd --permanent --new-policy=to-containers',
          ...['--add-ingress-zone=ANY', '--add-egress-zone=trusted', '--set-target=ACCEPT'].map(
            (what) => `firewall-cmd --permanent --policy=to-containers ${what}`,
          ),
        ]
      : []),
    'firewall-cmd --reload',
  ].join('; ');
}

/** Policies are evaluated by priority, before zones: the engine's have to come first. */
function policyAdvice(name: string, marked: boolean): string {
  const priority = policyPriority(name);
  const isOurs = POLICIES.some((policy) => policy.name === name);
  if (!marked || isOurs || priority === undefined || priority <= MIN_PRIORITY)
    return `firewall-cmd --permanent --info-policy=${name} # change what it does, or the zones that it is for: it decides before zones do`;
  return `${POLICIES.map((policy) => `firewall-cmd --permanent --policy=${policy.name} --set-priority=${priority - 1}`).join('; ')}; firewall-cmd --reload # the policy ${name} decides before those that let containers through: they are asked first then`;
}

/**
 * The policy in one of whose chains it is: filter_FWD_policy_NAME, or one of its parts. A name may end as a part does.
 */
function policyOf({ filter, chain }: Stop): string | undefined {
  const name = /^filter_(?:FWD|FORWARD)_policy_([A-Za-z0-9_-]+)$/.exec(chain)?.[1];
  const whole = name?.replace(/_(pre|log|deny|allow|post)$/, '');
  return whole !== undefined && filter.chains.has(chain.slice(0, chain.length - name!.length) + whole) ? whole : name;
}
