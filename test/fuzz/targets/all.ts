import type { Target } from '../campaign.ts';
import { archiveTargets } from './archives.ts';
import { buildkitTargets } from './buildkit.ts';
import { cliTargets } from './cli.ts';
import { daemonTargets } from './daemon-file.ts';
import { dnsTargets } from './dns.ts';
import { dockerfileTargets } from './dockerfiles.ts';
import { netlinkTargets } from './netlink.ts';
import { requestTargets } from './requests.ts';
import { textTargets } from './texts.ts';

/** Everything that reads what comes from outside and needs nothing but the input for it. */
export const PURE_TARGETS: readonly Target[] = [
  ...dnsTargets,
  ...netlinkTargets,
  ...archiveTargets,
  ...textTargets,
  ...requestTargets,
  ...cliTargets,
  ...daemonTargets,
  ...dockerfileTargets,
  ...buildkitTargets,
];
