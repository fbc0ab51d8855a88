/** What the embedded DNS answers: the engine's own routes, under /causeway/, where Docker will never have any. */
import type { Call } from '../call.ts';
import { toNameQueryJson, toNetworkNamesJson } from '../map/names-json.ts';
import type { RouteTable } from '../route-table.ts';

export function addNameRoutes(routes: RouteTable): void {
  routes.add('GET', '/causeway/networks/:id/dns', networkNames);
  routes.add('GET', '/causeway/containers/:name/dns/queries', queries);
}

async function networkNames(call: Call): Promise<void> {
  call.reply(200, toNetworkNamesJson(await call.backend.names.networkNames(call.name)));
}

async function queries(call: Call): Promise<void> {
  const list = await call.backend.names.followQueries(call.name, call.signal);
  call.startStream('application/x-ndjson');
  for await (const query of list) {
    if (call.signal.aborted) break;
    await call.write(`${JSON.stringify(toNameQueryJson(query))}\n`);
  }
  call.response.end();
}
