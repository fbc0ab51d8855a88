/** moby.buildkit.v1.Control: a build is asked for, watched, and its cache is looked at. */
import { notImplemented } from '../../base/errors.ts';
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
import type { ControlBuilds } from './control-builds.ts';
import { runSolve, type SolveNeeds } from './run-solve.ts';
import { readUsageFilters } from './usage-filters.ts';
import { timestampOf } from './timestamp.ts';
import { buildkitVersion, workerOf } from './worker.ts';

export interface ControlNeeds extends SolveNeeds {
  readonly backend: Pick<Backend, 'builds'>;
  readonly version: string;
}

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

async function solve(call: GrpcCall, needs: ControlNeeds): Promise<void> {
  const responses = await runSolve(needs, decode(solveRequest, await call.only()), call.signal);
  await call.send(encode(solveResponse, { exporterResponse: responses }));
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
