/** Image builds: by the classic API, and by BuildKit's, which its clients reach by upgrades to HTTP/2. */
import { visibleText } from '../../base/control-characters.ts';
import { errorMessage, invalid, notImplemented } from '../../base/errors.ts';
import type { BuildExtras } from '../../model/build-order.ts';
import { StepFailure } from '../../model/step-failure.ts';
import type { BuildPrunedJson } from '../../wire/build.ts';
import type { Call } from '../call.ts';
import { readFilters } from '../filters.ts';
import { BuildAnswer } from '../build-answer.ts';
import { readBuildExtras } from '../map/build-extras.ts';
import { readBuildOrder } from '../map/build-order.ts';
import { readOneCallOrder } from '../map/one-call-order.ts';
import { buildLines, builtLines } from '../map/build-lines.ts';
import { readPruneOptions } from '../map/build-prune.ts';
import { BuildkitDoor } from '../buildkit/door.ts';
import type { Handler, RouteTable } from '../route-table.ts';

export function addBuildRoutes(routes: RouteTable): void {
  const buildkit = new BuildkitDoor();
  routes.add('POST', '/build', (call) =>
    asksBuildkit(call) ? buildkit.oneCall(call, readOneCallOrder(call)) : build(call, NO_EXTRAS),
  );
  routes.add('POST', '/causeway/build', (call) => buildWithExtras(call, buildkit));
  routes.add('POST', '/build/cancel', (call) => {
    buildkit.cancel(call.query.text('id'));
    call.replyEmpty(200);
  });
  routes.add('POST', '/build/prune', async (call) => {
    const { ids, spaceReclaimedBytes } = await call.backend.builds.pruneBuildCache(
      readPruneOptions(call.query, readFilters('buildPrune', call.query.text('filters'))),
    );
    call.reply(200, {
      CachesDeleted: ids.length > 0 ? ids : null,
      SpaceReclaimed: spaceReclaimedBytes,
    } satisfies BuildPrunedJson);
  });
  const upgraded =
    (take: Handler): Handler =>
    (call) => {
      if (call.request.headers.upgrade?.toLowerCase() !== 'h2c') throw invalid('no upgrade proto in request');
      return take(call);
    };
  routes.add(
    'POST',
    '/session',
    upgraded((call) => buildkit.session(call)),
  );
  routes.add(
    'POST',
    '/grpc',
    upgraded((call) => buildkit.grpc(call)),
  );
}

function asksBuildkit({ query }: Call): boolean {
  const version = query.text('version');
  if (!['', '1', '2'].includes(version)) throw invalid(`invalid version ${JSON.stringify(version)}`);
  return version === '2';
}

const NO_EXTRAS: BuildExtras = {
  secrets: new Map(),
  dockerfileText: undefined,
  named: new Map(),
  session: undefined,
};

async function buildWithExtras(call: Call, buildkit: BuildkitDoor): Promise<void> {
  if (asksBuildkit(call)) throw notImplemented('BuildKit is asked for at POST /build.');
  await build(call, await readBuildExtras(call.request, (name) => buildkit.client(name, call.signal)));
}

async function build(call: Call, extras: BuildExtras): Promise<void> {
  const { response, query, request, backend, signal } = call;
  const order = readBuildOrder(call, extras);
  const quiet = query.flag('q');
  const lines = new BuildAnswer(response);
  try {
    const id = await backend.builds.build(
      order,
      request,
      (news) => {
        for (const line of buildLines(news)) {
          if (quiet) lines.keep(line);
          else lines.write(line);
        }
      },
      signal,
    );
    if (quiet) lines.writeLast([{ stream: `${id}\n` }]);
    else lines.writeLast(builtLines(id, order.tags));
  } catch (error) {
    if (!lines.hasAny) throw error;
    lines.writeKept();
    const message = visibleText((call.options.explain ?? errorMessage)(error));
    const code = error instanceof StepFailure ? { code: error.exitCode } : {};
    lines.writeLast([{ errorDetail: { ...code, message }, error: message }]);
  }
  response.end();
}
