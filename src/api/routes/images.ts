/** Images. */
import type { Readable } from 'node:stream';
import { invalid, notImplemented, systemError } from '../../base/errors.ts';
import { redactedUrlText } from '../../base/redacted-url.ts';
import { parseAnyReference } from '../../model/image-reference.ts';
import { apiVersionNumber } from '../../wire/api-version.ts';
import type { DistributionJson } from '../../wire/image.ts';
import type { Call } from '../call.ts';
import { download } from '../download.ts';
import { readFilters } from '../filters.ts';
import { listEntries } from '../list-entries.ts';
import { toHistoryJson, toImageJson, toImageSummary } from '../map/image-json.ts';
import { pullReference, pushReference, repoTagReference, tagTarget } from '../named-image.ts';
import { everyPlatform, firstPlatform, onlyPlatform } from '../platform-query.ts';
import { streamProgress } from '../progress-stream.ts';
import { readRegistryAuth } from '../registry-auth.ts';
import type { RouteTable } from '../route-table.ts';
import { showOptions } from '../show-options.ts';
import { sendTar } from '../tar-stream.ts';

export function addImageRoutes(routes: RouteTable): void {
  routes.add('GET', '/images/json', listImages);
  routes.add('POST', '/images/create', createImage);
  routes.add('POST', '/images/load', loadImages);
  routes.add('GET', '/images/get', (call) => saveImages(call, call.query.texts('names')));
  routes.add('POST', '/images/prune', pruneImages);
  routes.add('GET', '/images/:name/get', (call) => saveImages(call, [call.name]));
  routes.add('GET', '/images/:name/json', inspectImage);
  routes.add('GET', '/images/:name/history', imageHistory);
  routes.add('GET', '/images/:name/attestations', imageAttestations);
  routes.add('POST', '/images/:name/push', pushImage);
  routes.add('POST', '/images/:name/tag', tagImage);
  routes.add('DELETE', '/images/:name', removeImage);
  routes.add('GET', '/distribution/:name/json', inspectDistribution);
}

async function listImages(call: Call): Promise<void> {
  const { query } = call;
  const filters: Record<string, readonly string[]> = { ...readFilters('images', query.text('filters')) };
  if (query.text('filter') !== '') filters['reference'] = [...(filters['reference'] ?? []), query.text('filter')];
  if (query.flag('identity') && !query.flag('manifests'))
    throw invalid('conflicting options: identity requires manifests=1');
  const views = await call.backend.images.listImages({
    all: query.flag('all'),
    filters,
    sharedSize: query.flag('shared-size'),
  });
  call.reply(
    200,
    listEntries(call, views, (view) => toImageSummary(view, call.version)),
  );
}

async function inspectImage(call: Call): Promise<void> {
  const platform = firstPlatform(call.query.texts('platform'));
  if (platform && call.query.flag('manifests'))
    throw invalid('conflicting options: manifests and platform options cannot both be set');
  const view = await call.backend.images.inspectImage(call.name, platform);
  // Compose 1 takes any API version, looks there for the volumes that an image declares, and breaks where there is
  // none.
  const old = call.request.headers['user-agent']?.startsWith('docker-compose/1.') === true;
  const version = old ? Math.min(call.version, apiVersionNumber('1.44')) : call.version;
  call.reply(200, toImageJson(view, version, showOptions(call).storageDriver), version);
}

async function imageHistory(call: Call): Promise<void> {
  call.reply(
    200,
    toHistoryJson(await call.backend.images.imageHistory(call.name, firstPlatform(call.query.texts('platform')))),
  );
}

/** Pull with `fromImage`, import with `fromSrc`. */
async function createImage(call: Call): Promise<void> {
  const { query } = call;
  const fromImage = query.text('fromImage');
  const platform = query.text('platform');
  if (fromImage !== '') {
    const reference = pullReference(fromImage, query.text('tag'));
    const auth = readRegistryAuth(call.request.headers['x-registry-auth']);
    await streamProgress(call, (report) => call.backend.images.pull(reference, auth, platform, report, call.signal));
    return;
  }
  const fromSrc = query.text('fromSrc');
  if (fromSrc === '') throw invalid('fromImage or fromSrc must be given');
  const ref = repoTagReference(query.text('repo'), query.text('tag'));
  await streamProgress(call, async (report) => {
    let source: Readable = call.request;
    let shown = fromSrc;
    if (fromSrc !== '-') {
      const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(fromSrc) ? fromSrc : `http://${fromSrc}`;
      source = await download(url);
      shown = redactedUrlText(url);
      report({ status: `Downloading from ${shown}` });
    }
    const message = query.text('message') || `Imported from ${shown}`;
    const id = await call.backend.images.importImage(
      source,
      { ref, message, changes: query.texts('changes'), platform },
      call.signal,
    );
    report({ status: id });
  });
}

async function loadImages(call: Call): Promise<void> {
  const quiet = call.query.flag('quiet', true);
  const platform = onlyPlatform(call.query.texts('platform'));
  await streamProgress(
    call,
    (report) =>
      call.backend.images.loadImages(
        call.request,
        (message) => {
          // What was loaded is always reported; progress only on request.
          if (!quiet || message.stream !== undefined) report(message);
        },
        call.signal,
        platform,
      ),
    { failuresInStream: true },
  );
}

async function saveImages(call: Call, names: readonly string[]): Promise<void> {
  const values = call.query.texts('platform');
  const one = call.olderThan('1.52') ? onlyPlatform(values) : undefined;
  const platforms = one ? [one] : everyPlatform(values.filter((value) => value !== ''));
  const tar = await call.backend.images.saveImages(names, platforms);
  await sendTar(call, tar);
}

async function pushImage(call: Call): Promise<void> {
  const ref = pushReference(call.name, call.query.text('tag'));
  const auth = readRegistryAuth(call.request.headers['x-registry-auth']);
  const platform = firstPlatform(call.query.texts('platform'));
  await streamProgress(call, (report) => call.backend.images.push(ref, auth, platform, report, call.signal));
}

async function inspectDistribution(call: Call): Promise<void> {
  if (parseAnyReference(call.name).kind === 'id') throw systemError('no manifest found for full image ID');
  const auth = readRegistryAuth(call.request.headers['x-registry-auth']);
  const { descriptor, platforms } = await call.backend.images.distribution(call.name, auth, call.signal);
  call.reply(200, {
    Descriptor: descriptor,
    Platforms: platforms.map(({ os, architecture, variant }) => ({
      architecture,
      os,
      ...(variant === '' ? {} : { variant }),
    })),
  } satisfies DistributionJson);
}

async function tagImage(call: Call): Promise<void> {
  await call.backend.images.tag(call.name, tagTarget(call.query.text('repo'), call.query.text('tag')));
  call.replyEmpty(201);
}

async function removeImage(call: Call): Promise<void> {
  if (call.name.trim() === '') throw invalid('image name cannot be blank');
  const platforms = everyPlatform(call.query.texts('platforms'));
  if (platforms.length > 1) throw invalid('multiple platforms are not supported');
  const removed = await call.backend.images.removeImage(call.name, {
    ...(platforms[0] ? { platform: platforms[0] } : {}),
    force: call.query.flag('force'),
    prune: !call.query.flag('noprune'),
  });
  call.reply(200, removed.map(toDeleteJson));
}

function toDeleteJson({ untagged, deleted }: { untagged?: string; deleted?: string }): object {
  return {
    ...(untagged === undefined ? {} : { Untagged: untagged }),
    ...(deleted === undefined ? {} : { Deleted: deleted }),
  };
}

async function imageAttestations(call: Call): Promise<void> {
  await call.backend.images.inspectImage(call.name);
  throw notImplemented(
    'This engine keeps images of one platform, without the attestations that multi-platform images have: read them in the registry with "docker buildx imagetools inspect".',
  );
}

async function pruneImages(call: Call): Promise<void> {
  const report = await call.backend.images.pruneImages(readFilters('imagesPrune', call.query.text('filters')));
  call.reply(200, {
    ImagesDeleted: report.deleted.length > 0 ? report.deleted.map(toDeleteJson) : null,
    SpaceReclaimed: report.spaceReclaimedBytes,
  });
}
