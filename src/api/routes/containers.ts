/** Containers, all but their streams and files. */
import { CausewayError, errorKind, errorMessage, invalid, notImplemented } from '../../base/errors.ts';
import type { ContainerSpec } from '../../model/container.ts';
import { parsePlatform } from '../../model/platform.ts';
import { CONFIG_FIELD_NAMES, createRequestSchema, updateRequestSchema } from '../../wire/container-create.ts';
import type {
  CreateResponseJson,
  TopResponseJson,
  WaitResponseJson,
  ContainerChangeJson,
  ContainersPrunedJson,
  UpdateResponseJson,
} from '../../wire/container-summary.ts';
import type { WaitCondition } from '../backend/container.ts';
import { MAX_PORTS_JSON_BYTES, type Call } from '../call.ts';
import { adaptCreate } from '../create-by-version.ts';
import { readFilters } from '../filters.ts';
import { toContainerJson } from '../map/container-json.ts';
import { toContainerSpec, toResourceChanges, toRestartPolicy } from '../map/container-spec.ts';
import { bareContainer, listEntries } from '../list-entries.ts';
import type { RouteTable } from '../route-table.ts';
import { olderThan } from '../versions.ts';
import { showOptions } from '../show-options.ts';
import { summaryText } from '../summary-text.ts';
import { validateConfig } from '../validate-config.ts';
import { validateHost, validateRestartPolicy } from '../validate-host.ts';
import { validateNetworkMode } from '../validate-network-mode.ts';
import { validateResources } from '../validate-resources.ts';

export function addContainerRoutes(routes: RouteTable): void {
  routes.add('GET', '/containers/json', listContainers);
  routes.add('POST', '/containers/create', createContainer);
  routes.add('POST', '/containers/prune', pruneContainers);
  routes.add('GET', '/containers/:name/json', inspectContainer);
  routes.add('GET', '/containers/:name/top', topContainer);
  routes.add('GET', '/containers/:name/changes', containerChanges);
  routes.add('POST', '/containers/:name/start', startContainer);
  routes.add('POST', '/containers/:name/stop', stopContainer);
  routes.add('POST', '/containers/:name/restart', restartContainer);
  routes.add('POST', '/containers/:name/kill', killContainer);
  routes.add('POST', '/containers/:name/pause', pauseContainer);
  routes.add('POST', '/containers/:name/unpause', unpauseContainer);
  routes.add('POST', '/containers/:name/wait', waitContainer);
  routes.add('POST', '/containers/:name/resize', resizeContainer);
  routes.add('POST', '/containers/:name/rename', renameContainer);
  routes.add('POST', '/containers/:name/update', updateContainer);
  routes.add('DELETE', '/containers/:name', removeContainer);
}

async function createContainer(call: Call): Promise<void> {
  const { value: request, sent } = await call.requiredJson(createRequestSchema, 'container.CreateRequest', {
    maxBytes: MAX_PORTS_JSON_BYTES,
  });
  if (![...sent].some((name) => CONFIG_FIELD_NAMES.has(name)))
    throw invalid('config cannot be empty in order to create a container');
  const cgroupVersion = call.options.cgroupVersion ?? '2';
  validateNetworkMode(request);
  const adapted = adaptCreate(request, call.version, cgroupVersion);
  validateConfig(request);
  const warnings = validateHost(request.HostConfig);
  const wanted = call.query.text('platform');
  const created = await call.backend.containers.create(
    call.query.text('name').replace(/^\//, ''),
    olderThan(call.version, '1.44') ? readonlyTopOnly(toContainerSpec(request)) : toContainerSpec(request),
    wanted === '' ? undefined : parsePlatform(wanted),
  );
  call.reply(201, {
    Id: created.id,
    Warnings: [...warnings, ...created.warnings, ...adapted],
  } satisfies CreateResponseJson);
}

/** Before that version, read-only mounts had no say about what is mounted below them. */
function readonlyTopOnly(spec: ContainerSpec): ContainerSpec {
  return { ...spec, host: { ...spec.host, readonlyTopOnly: true } };
}

async function listContainers(call: Call): Promise<void> {
  const { query } = call;
  const named: Record<string, readonly string[]> = { ...readFilters('containers', query.text('filters')) };
  if (query.text('before') !== '') named['before'] = [query.text('before')];
  if (query.text('since') !== '') named['since'] = [query.text('since')];
  const views = await call.backend.containers.list({
    all: query.flag('all'),
    limit: Math.max(0, query.integer('limit') ?? 0),
    size: query.flag('size'),
    filters: named,
  });
  const nowMs = Date.now();
  call.replyTexts(
    200,
    listEntries(call, views, (view) => summaryText(call, view, nowMs), bareContainer),
  );
}

async function inspectContainer(call: Call): Promise<void> {
  const view = await call.backend.containers.inspect(call.name, { size: call.query.flag('size') });
  call.reply(200, toContainerJson(view, showOptions(call)));
}

async function startContainer(call: Call): Promise<void> {
  const length = call.request.headers['content-length'];
  if (call.request.headers['transfer-encoding'] !== undefined || Number(length ?? 0) > 7) {
    throw invalid('starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24');
  }
  if (call.query.text('checkpoint') !== '') throw notImplemented('This engine does not checkpoint containers.');
  await call.backend.containers.start(call.name);
  call.replyEmpty(204);
}

function stopOptions(call: Call): { signal?: string; timeoutS?: number } {
  const signal = call.query.text('signal');
  const timeoutS = call.query.integer('t');
  return { ...(signal === '' ? {} : { signal }), ...(timeoutS === undefined ? {} : { timeoutS }) };
}

async function stopContainer(call: Call): Promise<void> {
  await call.backend.containers.stop(call.name, stopOptions(call));
  call.replyEmpty(204);
}

async function restartContainer(call: Call): Promise<void> {
  await call.backend.containers.restart(call.name, stopOptions(call));
  call.replyEmpty(204);
}

async function killContainer(call: Call): Promise<void> {
  try {
    await call.backend.containers.kill(call.name, call.query.text('signal'));
  } catch (error) {
    throw new CausewayError(errorKind(error), `cannot kill container: ${call.name}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  call.replyEmpty(204);
}

async function pauseContainer(call: Call): Promise<void> {
  await call.backend.containers.pause(call.name);
  call.replyEmpty(204);
}

async function unpauseContainer(call: Call): Promise<void> {
  await call.backend.containers.unpause(call.name);
  call.replyEmpty(204);
}

const WAIT_CONDITIONS: Readonly<Record<string, WaitCondition>> = {
  '': 'not-running',
  'not-running': 'not-running',
  'next-exit': 'next-exit',
  removed: 'removed',
};

async function waitContainer(call: Call): Promise<void> {
  // Before 1.30 there were no conditions, and the headers came with the exit.
  const legacy = call.olderThan('1.30');
  const asked = call.query.text('condition');
  const condition = Object.hasOwn(WAIT_CONDITIONS, asked) ? WAIT_CONDITIONS[asked] : undefined;
  if (!condition) throw invalid(`invalid condition: ${JSON.stringify(asked)}`);
  const { exited } = await call.backend.containers.wait(call.name, condition, call.signal);
  if (!legacy) call.startStream('application/json');
  let body: WaitResponseJson;
  try {
    const exit = await exited;
    body = { StatusCode: exit.exitCode, ...(exit.error === '' ? {} : { Error: { Message: exit.error } }) };
  } catch (error) {
    if (call.signal.aborted) return;
    body = { StatusCode: -1, Error: { Message: errorMessage(error) } };
  }
  if (legacy) call.reply(200, body);
  else call.response.end(`${JSON.stringify(body)}\n`);
}

async function resizeContainer(call: Call): Promise<void> {
  const rows = call.query.terminalSize('h', 'height');
  const columns = call.query.terminalSize('w', 'width');
  await call.backend.streams.resize(call.name, rows, columns);
  call.replyEmpty(200);
}

async function renameContainer(call: Call): Promise<void> {
  await call.backend.containers.rename(call.name, call.query.text('name').replace(/^\//, ''));
  call.replyEmpty(204);
}

async function updateContainer(call: Call): Promise<void> {
  const request = await call.json(updateRequestSchema, 'container.UpdateConfig');
  const warnings = validateResources(request, true);
  validateRestartPolicy(request.RestartPolicy);
  const restartPolicy = toRestartPolicy(request.RestartPolicy);
  const updated = await call.backend.containers.update(call.name, {
    resources: toResourceChanges(request),
    ...(restartPolicy ? { restartPolicy } : {}),
  });
  const all = [...warnings, ...updated.warnings];
  call.reply(200, { Warnings: all.length > 0 ? all : null } satisfies UpdateResponseJson);
}

async function removeContainer(call: Call): Promise<void> {
  const { query } = call;
  await call.backend.containers.remove(call.name, {
    force: query.flag('force'),
    volumes: query.flag('v'),
    link: query.flag('link'),
  });
  call.replyEmpty(204);
}

async function topContainer(call: Call): Promise<void> {
  const { titles, processes } = await call.backend.containers.top(call.name, call.query.text('ps_args') || '-ef');
  call.reply(200, { Processes: processes, Titles: titles } satisfies TopResponseJson);
}

async function containerChanges(call: Call): Promise<void> {
  const changes = await call.backend.containers.changes(call.name);
  call.reply(
    200,
    changes.length > 0
      ? changes.map(({ kind, path }) => ({ Kind: kind, Path: path }) satisfies ContainerChangeJson)
      : null,
  );
}

async function pruneContainers(call: Call): Promise<void> {
  const report = await call.backend.containers.prune(readFilters('containersPrune', call.query.text('filters')));
  call.reply(200, {
    ContainersDeleted: report.deleted.length > 0 ? report.deleted : null,
    SpaceReclaimed: report.spaceReclaimedBytes,
  } satisfies ContainersPrunedJson);
}
