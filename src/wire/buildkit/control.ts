/** Messages of moby.buildkit.v1.Control, as far as they are read or written here. */
import { content, contents, flag, list, mapOf, message, nested, text, textMap, texts, whole } from '../protobuf.ts';

export const timestamp = message({ seconds: whole(1), nanos: whole(2) });

const platform = message({ architecture: text(1), os: text(2), variant: text(3) });

const buildkitVersion = message({ packageName: text(1), version: text(2), revision: text(3) });

export const workerRecord = message({
  id: text(1),
  labels: textMap(2),
  platforms: list(3, platform),
  version: nested(5, buildkitVersion),
});

export const listWorkersResponse = message({ records: list(1, workerRecord) });
export const infoResponse = message({ version: nested(1, buildkitVersion) });

/** An operation graph, LLB: each operation is a message of its own, which is kept as bytes. */
export const definition = message({ operations: contents(1), metadata: mapOf(2, message({})) });

export const cacheEntry = message({ kind: text(1), attrs: textMap(2) });
const cacheOptions = message({ exports: list(4, cacheEntry), imports: list(5, cacheEntry) });
const exporter = message({ kind: text(1), attrs: textMap(2) });

export const solveRequest = message({
  ref: text(1),
  definition: nested(2, definition),
  exporter: text(3),
  exporterAttrs: textMap(4),
  session: text(5),
  frontend: text(6),
  frontendAttrs: textMap(7),
  cache: nested(8, cacheOptions),
  entitlements: texts(9),
  exporters: list(13, exporter),
});

export const solveResponse = message({ exporterResponse: textMap(1) });

export const statusRequest = message({ ref: text(1) });

const vertex = message({
  digest: text(1),
  inputs: texts(2),
  name: text(3),
  cached: flag(4),
  started: nested(5, timestamp),
  completed: nested(6, timestamp),
  error: text(7),
});

const vertexStatus = message({
  id: text(1),
  vertex: text(2),
  name: text(3),
  current: whole(4),
  total: whole(5),
  timestamp: nested(6, timestamp),
  started: nested(7, timestamp),
  completed: nested(8, timestamp),
});

const vertexLog = message({
  vertex: text(1),
  timestamp: nested(2, timestamp),
  stream: whole(3),
  text: content(4),
});

const vertexWarning = message({ vertex: text(1), level: whole(2), short: content(3) });

export const statusResponse = message({
  vertexes: list(1, vertex),
  statuses: list(2, vertexStatus),
  logs: list(3, vertexLog),
  warnings: list(4, vertexWarning),
});

export const usageRecord = message({
  id: text(1),
  mutable: flag(2),
  inUse: flag(3),
  sizeBytes: whole(4),
  createdAt: nested(6, timestamp),
  lastUsedAt: nested(7, timestamp),
  usageCount: whole(8),
  description: text(9),
  recordType: text(10),
  shared: flag(11),
  parents: texts(12),
});

export const diskUsageRequest = message({ filters: texts(1) });
export const diskUsageResponse = message({ records: list(1, usageRecord) });

export const pruneRequest = message({
  filters: texts(1),
  all: flag(2),
  keepDurationNs: whole(3),
  reservedBytes: whole(4),
});
