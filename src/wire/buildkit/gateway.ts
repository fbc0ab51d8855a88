/** Messages of moby.buildkit.v1.frontend.LLBBridge, as far as they are read or written here. */
import { contentMap, flag, list, mapOf, message, nested, text, textMap } from '../protobuf.ts';
import { rpcStatus } from './rpc-status.ts';
import { cacheEntry, definition, workerRecord } from './control.ts';

const capability = message({ id: text(1), enabled: flag(2) });

export const pong = message({
  frontendCaps: list(1, capability),
  llbCaps: list(2, capability),
  workers: list(3, workerRecord),
});

export const bridgeSolveRequest = message({
  definition: nested(1, definition),
  frontend: text(2),
  frontendOpt: textMap(3),
  cacheImports: list(12, cacheEntry),
  frontendInputs: mapOf(13, definition),
  evaluate: flag(14),
});

const ref = message({ id: text(1), def: nested(2, definition) });

const result = message({
  refDeprecated: text(1),
  ref: nested(3, ref),
  metadata: contentMap(10),
});

export const bridgeSolveResponse = message({ refDeprecated: text(1), result: nested(3, result) });

export const returnRequest = message({ result: nested(1, result), error: nested(2, rpcStatus) });
export const refRequest = message({ ref: text(1) });
