/** moby.buildkit.v1.Control: a build is asked for, watched, and its cache is looked at. */
import { invalid, notImplemented } from '../../base/errors.ts';
import type { BuildCacheRecord } from '../../model/build-cache.ts';
import type { Backend } from '../backend/system.ts';
import type { GrpcCall, GrpcMethod } from '../../base/grpc/grpc-server.ts';
import { decode, encode, type MessageValue } from '../../wire/protobuf.ts';
import {
  diskUsageRequest,
  diskUsageResponse,
  infoResponse,
  listWorkersResponse,
  pruneRequest,
  solveRequest,
  solveResponse,
  statusRequest,
  usageRecord,
} from '../../wire/buildkit/control.ts';
import type { ControlBuild, ControlBuilds } from './control-builds.ts';
import { readUsageFilters } from './usage-filters.ts';
import { timestampOf } from './timestamp.ts';
import { buildkitVersion, workerOf } from './worker.ts';

export interface ControlNeeds {
  readonly backend: Pick<Backend, 'builds'>;
  readonly builds: ControlBuilds;
  readonly version: string;
  /** Builds that no client steers: from the request to its result. */
  readonly solve: (build: ControlBuild, request: SolveRequest, signal: AbortSignal) => Promise<string>;
}

export type SolveRequest = MessageValue<typeof solveRequest>;

const PREFIX = '/moby.buildkit.v1.Control/';

export function controlMethods(needs: ControlNeeds): [string, GrpcMethod][] {
  const { backend, version } = needs;
  const methods: Record<string, GrpcMethod> = {
    ListWorkers: (call) => answer(call, encode(listWorkersResponse, { records: [workerOf(version)] })),
    Info: (call) => answer(call, encode(infoResponse, { version: buildkitVersion(version) })),
    DiskUsage: async (call) => {
      const accept = readUsageFilters(decode(diskUsageRequest, await call.only()).filters);
      const records = (await backend.builds.buildCache()).filter(accept);
      await call.send(encode(diskUsageResponse, { records: records.map(usageOf) }));
    },
    Prune: (call) => prune(call, backend),
    Solve: (call) => solve(call, needs),
    Status: (call) => status(call, needs.builds),
    // Clients ask whether there is one: this says that there is none.
    ListenBuildHistory: () => {
      throw notImplemented('This builder keeps no history of builds.');
    },
    UpdateBuildHistory: () => {
      throw notImplemented('This builder keeps no history of builds.');
    },
  };
  return Object.entries(methods).map(([name, method]) => [PREFIX + name, method]);
}

async function answer(call: GrpcCall, message: Buffer): Promise<void> {
  await call.only();
  await call.send(message);
}

async function solve(call: GrpcCall, { builds, solve: solveHere }: ControlNeeds): Promise<void> {
  const request = decode(solveRequest, await call.only());
  const { ref, session, frontend } = request;
  const build = builds.get(ref);
  if (build.isAsked) throw invalid(`job ID ${ref} exists`);
  const exporters =
    request.exporters.length > 0 || request.exporter === ''
      ? request.exporters
      : [{ kind: request.exporter, attrs: request.exporterAttrs }];
  build.ask({ session, exporters, signal: call.signal });
  try {
    if (request.definition && request.definition.operations.length > 0)
      throw notImplemented('This builder reads Dockerfiles: it does not take build graphs (LLB) of other frontends.');
    const other = request.cache?.exports.find(({ kind }) => kind !== 'inline');
    if (other) throw notImplemented(`cache exporter ${JSON.stringify(other.kind)} could not be found`);
    const chosen = frontend === '' ? await steered(build, call.signal) : await solveHere(build, request, call.signal);
    const responses = await exported(build, chosen, exporters.length);
    await call.send(encode(solveResponse, { exporterResponse: responses }));
  } finally {
    for (const { choose } of build.results.values()) choose(false);
    build.log.end();
    builds.dropLater(ref, build);
  }
}

/** The result that the client chose, which has had it built in calls of its own; '' = none. */
async function steered(build: ControlBuild, signal: AbortSignal): Promise<string> {
  const gone = new Promise<never>((_, reject) => {
    const leave = (): void => reject(invalid('context canceled'));
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
  });
  const returned = await Promise.race([build.returned, gone]);
  if ('error' in returned) throw returned.error;
  return returned.ref;
}

async function exported(build: ControlBuild, chosen: string, exporters: number): Promise<ReadonlyMap<string, string>> {
  const responses = new Map<string, string>();
  if (chosen === '') return responses;
  const result = build.results.get(chosen);
  if (!result) throw invalid(`unknown reference ${JSON.stringify(chosen)}`);
  for (let i = 0; i < exporters; i++)
    for (const [key, value] of await result.solved.export(i)) responses.set(key, value);
  result.choose(true);
  await result.over;
  return responses;
}

async function status(call: GrpcCall, builds: ControlBuilds): Promise<void> {
  const { ref } = decode(statusRequest, await call.only());
  const build = builds.get(ref);
  build.watchers++;
  try {
    await builds.asked(ref, call.signal);
    for await (const update of build.log.read(call.signal)) await call.send(update);
  } finally {
    build.watchers--;
    builds.dropUnasked(ref, build);
  }
}

async function prune(call: GrpcCall, { builds }: ControlNeeds['backend']): Promise<void> {
  const { all, keepDurationNs, reservedBytes, filters } = decode(pruneRequest, await call.only());
  const before = new Map((await builds.buildCache()).map((record) => [record.id, record]));
  const { ids } = await builds.pruneBuildCache({
    all,
    unusedForMs: keepDurationNs / 1_000_000,
    keepBytes: reservedBytes,
    accept: readUsageFilters(filters),
  });
  for (const id of ids) {
    const record = before.get(id);
    if (record) await call.send(encode(usageRecord, usageOf(record)));
  }
}

function usageOf(record: BuildCacheRecord): MessageValue<typeof usageRecord> {
  return {
    id: record.id,
    mutable: record.kind !== 'regular',
    inUse: record.inUse,
    sizeBytes: record.sizeBytes,
    createdAt: timestampOf(record.createdAtMs),
    lastUsedAt: timestampOf(record.lastUsedAtMs),
    usageCount: record.uses,
    description: record.description,
    recordType: record.kind,
    shared: record.shared,
    parents: record.parents,
  };
}
