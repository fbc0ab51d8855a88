/** Ping, version, info, events, disk usage, logins. */
import { invalid } from '../../base/errors.ts';
import { systemClock } from '../../base/clock.ts';
import { authSchema, type AuthResponseJson } from '../../wire/system.ts';
import type { Call } from '../call.ts';
import { eventFraming } from '../event-stream.ts';
import { readFilters } from '../filters.ts';
import { toBuildCacheJson } from '../map/build-cache-json.ts';
import { toContainerSummary } from '../map/container-json.ts';
import { toDiskUsage, toLegacyDiskUsage, type UsedSpace } from '../map/disk-usage.ts';
import { toImageSummary } from '../map/image-json.ts';
import { toEventLine, toInfoJson, toVersionJson } from '../map/system-json.ts';
import { bareContainer, listEntries } from '../list-entries.ts';
import type { RouteTable } from '../route-table.ts';
import { showOptions } from '../show-options.ts';
import { parseTimestampNs } from '../timestamps.ts';
import { toVolumeJson } from './volumes.ts';

export function addSystemRoutes(routes: RouteTable): void {
  routes.add('GET', '/_ping', ping);
  routes.add('HEAD', '/_ping', ping);
  routes.add('GET', '/version', async (call) =>
    call.reply(200, toVersionJson(await call.backend.system.facts(), call.options.oldestApi || undefined)),
  );
  routes.add('GET', '/info', info);
  routes.add('GET', '/events', events);
  routes.add('GET', '/system/df', diskUsage);
  routes.add('POST', '/auth', login);
}

function ping(call: Call): void {
  const { response } = call;
  response.setHeader('Cache-Control', 'no-cache, no-store, must-revalidate');
  response.setHeader('Pragma', 'no-cache');
  response.setHeader('Builder-Version', call.options.buildkitIsDefault === false ? '1' : '2');
  response.setHeader('Swarm', 'inactive');
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  const body = call.request.method === 'HEAD' ? '' : 'OK';
  response.setHeader('Content-Length', body.length);
  response.end(body);
}

async function info(call: Call): Promise<void> {
  const facts = await call.backend.system.facts();
  call.reply(200, toInfoJson(facts, call.version, showOptions(call).storageDriver, systemClock.nowNs()));
}

async function events(call: Call): Promise<void> {
  const { query } = call;
  // A time that is given counts, also 1970 and before; one that is not is no limit.
  const time = (text: string, name: string) => (text === '' ? undefined : parseTimestampNs(text, name));
  const [sinceNs, untilNs] = [time(query.text('since'), 'since'), time(query.text('until'), 'until')];
  if (untilNs !== undefined && sinceNs !== undefined && untilNs < sinceNs) {
    throw invalid(`\`since\` time (${query.text('since')}) cannot be after \`until\` time (${query.text('until')})`);
  }
  const filters = readFilters('events', query.text('filters'));
  // Subscribed before the headers go out: a client may act as soon as it sees them.
  const stream = call.backend.system.events({ sinceNs, untilNs, filters }, call.signal)[Symbol.asyncIterator]();
  let next = stream.next();
  const { contentType, separator } = eventFraming(call);
  call.startStream(contentType);
  const shape = (json: unknown) => call.shape(json);
  const hideImageCreate = call.olderThan('1.46');
  for (;;) {
    const { value: event, done } = await next;
    if (done || call.signal.aborted) break;
    if (!(hideImageCreate && event.type === 'image' && event.action === 'create'))
      await call.write(separator + toEventLine(event, shape));
    next = stream.next();
  }
  await stream.return?.();
  call.response.end();
}

const DISK_USAGE_TYPES = new Set(['container', 'image', 'volume', 'build-cache']);

async function diskUsage(call: Call): Promise<void> {
  const asked = call.query.texts('type');
  for (const type of asked) if (!DISK_USAGE_TYPES.has(type)) throw invalid(`unknown object type: ${type}`);
  const wants = (type: string) => asked.length === 0 || asked.includes(type);
  const { images, containers, volumes } = call.backend;
  const nowMs = Date.now();
  const used: UsedSpace = {
    ...(wants('image') && {
      images: {
        totalBytes: (await call.backend.system.diskUsage()).imageBytes,
        items: listEntries(call, await images.listImages({ all: false, filters: {}, sharedSize: true }), (view) => ({
          ...toImageSummary(view, call.version),
          Containers: view.containers,
        })),
      },
    }),
    ...(wants('container') && {
      containers: listEntries(
        call,
        await containers.list({ all: true, limit: 0, size: true, filters: {} }),
        (view) => toContainerSummary(view, nowMs),
        bareContainer,
      ),
    }),
    ...(wants('volume') && {
      volumes: listEntries(call, await volumes.listVolumes({}, { size: true }), (view) => toVolumeJson(view, true)),
    }),
    ...(wants('build-cache') && {
      buildCache: (await call.backend.builds.buildCache()).map(toBuildCacheJson),
    }),
  };
  // Who says `verbose` knows the newer shape; others may read either.
  const verbose = call.query.flag('verbose');
  const legacy = verbose ? {} : toLegacyDiskUsage(used, call.olderThan('1.52'));
  call.reply(200, { ...legacy, ...toDiskUsage(used, verbose) });
}

async function login(call: Call): Promise<void> {
  const auth = await call.json(authSchema, 'registry.AuthConfig');
  const { status, identityToken } = await call.backend.system.login({
    username: auth.username,
    password: auth.password,
    serverAddress: auth.serveraddress,
  });
  call.reply(200, { IdentityToken: identityToken, Status: status } satisfies AuthResponseJson);
}
