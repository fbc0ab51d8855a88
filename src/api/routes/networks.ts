/** Networks. */
import { invalid, notFound } from '../../base/errors.ts';
import { readGoBoolean } from '../../base/go-boolean.ts';
import { EMPTY_ENDPOINT_SPEC } from '../../model/endpoint.ts';
import {
  networkConnectSchema,
  networkCreateSchema,
  networkDisconnectSchema,
  type NetworkCreateResponseJson,
  type NetworkJson,
  type NetworksPrunedJson,
} from '../../wire/network.ts';
import { MAX_LABELS_JSON_BYTES, type Call } from '../call.ts';
import { readFilters } from '../filters.ts';
import { toEndpointSpec } from '../map/endpoint-spec.ts';
import { toNetworkJson, toNetworkSpec, toNetworkStatus } from '../map/network-json.ts';
import { listEntries } from '../list-entries.ts';
import type { RouteTable } from '../route-table.ts';
import { validateLabels } from '../validate-labels.ts';
import { validateNetwork } from '../validate-network.ts';

export function addNetworkRoutes(routes: RouteTable): void {
  routes.add('GET', '/networks', listNetworks);
  routes.add('GET', '/networks/', listNetworks);
  routes.add('GET', '/networks/:id', inspectNetwork);
  routes.add('POST', '/networks/create', createNetwork);
  routes.add('POST', '/networks/prune', pruneNetworks);
  routes.add('POST', '/networks/:id/connect', connectNetwork);
  routes.add('POST', '/networks/:id/disconnect', disconnectNetwork);
  routes.add('DELETE', '/networks/:id', removeNetwork);
}

async function listNetworks(call: Call): Promise<void> {
  const detailed = call.olderThan('1.28');
  // Docker 28's lists leave out who is on a network, and its filter `dangling` goes by that; Docker 29's looks.
  const usesHidden = !detailed && call.olderThan('1.52');
  const filters = readFilters('networks', call.query.text('filters'));
  const views = await call.backend.networks.listNetworks(filters, { usesHidden });
  call.reply(
    200,
    listEntries(call, views, (view) => toNetworkJson(view, detailed)),
  );
}

async function inspectNetwork(call: Call): Promise<void> {
  const verbose = call.query.text('verbose');
  if (verbose !== '' && readGoBoolean(verbose) === undefined) {
    throw invalid(
      `invalid value for verbose: ${verbose}: strconv.ParseBool: parsing ${JSON.stringify(verbose)}: invalid syntax`,
    );
  }
  const scope = call.query.text('scope');
  if (scope !== '' && scope !== 'local') throw notFound(`network ${call.name} not found`);
  const view = await call.backend.networks.inspectNetwork(call.name);
  call.reply(200, { ...toNetworkJson(view, true), Status: toNetworkStatus(view) } satisfies NetworkJson);
}

async function createNetwork(call: Call): Promise<void> {
  const request = await call.json(networkCreateSchema, 'network.CreateRequest', { maxBytes: MAX_LABELS_JSON_BYTES });
  validateLabels(request.Labels);
  const spec = toNetworkSpec(request);
  validateNetwork(spec);
  const { id, warnings } = await call.backend.networks.createNetwork(spec);
  call.reply(201, { Id: id, Warning: warnings.join('\n') } satisfies NetworkCreateResponseJson);
}

async function connectNetwork(call: Call): Promise<void> {
  const { Container: container, EndpointConfig: endpoint } = await call.json(
    networkConnectSchema,
    'network.ConnectOptions',
  );
  await call.backend.networks.connect(call.name, container, endpoint ? toEndpointSpec(endpoint) : EMPTY_ENDPOINT_SPEC);
  call.replyEmpty(200);
}

async function disconnectNetwork(call: Call): Promise<void> {
  const { Container: container, Force: force } = await call.json(networkDisconnectSchema, 'network.DisconnectOptions');
  await call.backend.networks.disconnect(call.name, container, force);
  call.replyEmpty(200);
}

async function removeNetwork(call: Call): Promise<void> {
  await call.backend.networks.removeNetwork(call.name);
  call.replyEmpty(204);
}

async function pruneNetworks(call: Call): Promise<void> {
  const names = await call.backend.networks.pruneNetworks(readFilters('networksPrune', call.query.text('filters')));
  call.reply(200, { NetworksDeleted: names.length > 0 ? names : null } satisfies NetworksPrunedJson);
}
