/** Default routes as a consequence of which endpoints a sandbox has. */
import type { Endpoint } from '../../model/endpoint.ts';
import { chooseGateways } from '../table/gateway.ts';
import type { Step } from './step.ts';

/**
 * What takes a running namespace from the default routes of `before` to those of `after`. `present`: whose interface is
 * there.
 */
export function planRoutes(
  netns: string,
  before: readonly Endpoint[],
  after: readonly Endpoint[],
  present = after,
): Step[] {
  const old = chooseGateways(before);
  const wanted = chooseGateways(after);
  return [...familySteps(netns, 4, old.v4, wanted.v4, present), ...familySteps(netns, 6, old.v6, wanted.v6, present)];
}

function familySteps(
  netns: string,
  version: 4 | 6,
  old: Endpoint | undefined,
  wanted: Endpoint | undefined,
  present: readonly Endpoint[],
): Step[] {
  if (old?.id === wanted?.id) return [];
  const route = (kind: 'add-route' | 'delete-route', endpoint: Endpoint): Step => ({
    kind,
    netns,
    version,
    destination: '',
    gateway: version === 4 ? endpoint.gateway4 : endpoint.gateway6,
    link: endpoint.ifname,
  });
  const steps: Step[] = [];
  // The route of an endpoint that went away went with its interface.
  if (old && present.some((endpoint) => endpoint.id === old.id)) steps.push(route('delete-route', old));
  if (wanted) steps.push(...onLink(netns, version, wanted), route('add-route', wanted));
  return steps;
}

/** A gateway outside the endpoint's own subnet (/32, /31 peers) needs a route to itself first. */
function onLink(netns: string, version: 4 | 6, endpoint: Endpoint): Step[] {
  const prefix = version === 4 ? endpoint.prefix4 : endpoint.prefix6;
  if (prefix < (version === 4 ? 32 : 128)) return [];
  const gateway = version === 4 ? endpoint.gateway4 : endpoint.gateway6;
  const destination = `${gateway}/${version === 4 ? 32 : 128}`;
  return [{ kind: 'add-route', netns, version, destination, gateway: '', link: endpoint.ifname }];
}
