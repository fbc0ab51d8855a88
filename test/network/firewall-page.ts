/** docs/firewalls.md: the tables that firewalls.test.ts finds are printed into it. */

export const PATHS = [
  'another host to a published port, default bridge',
  'another host to a published port, user network',
  'this host to a published port, default bridge',
  'this host to a published port, user network',
  'container to container, default bridge',
  'container to container, user network',
  'container to another host, default bridge',
  'container to another host, user network',
  'between networks by a published port, from the default bridge',
  'between networks by a published port, from the user network',
  'a container to its own published port',
  'container to a DNS server elsewhere',
] as const;

export const PHASES = ['before', 'after their reload', 'after a restart of the daemon', 'after a flush'] as const;
export type Phase = (typeof PHASES)[number];

/** Paths that were open over both versions, by 'FIREWALL PHASE'. */
export const FOUND = new Map<string, readonly string[]>();
