/** The whole engine on fakes of the rooms below, with containers that an earlier daemon left. */
import { createEngine, type Engine, type EngineDeps } from '../../src/engine/engine.ts';
import type { ContainerRecord } from '../../src/model/container.ts';
import type { Change } from '../../src/store/store.ts';
import type { EngineOnFakes } from './engine-on-fakes.ts';

interface WholeEngine {
  readonly engine: Engine;
  /** A run ends, and the runtime reports it. */
  readonly end: (id: string, code: number) => void;
}

export function wholeEngine(fakes: EngineOnFakes, left: readonly ContainerRecord[]): WholeEngine {
  let report: (id: string, exit: object) => void = () => {};
  const { network, runtime, rootfs } = fakes.parts;
  const engine = createEngine({
    ...fakes.parts,
    store: {
      knowsAll: true,
      aside: () => [],
      values: (table: string) => (table === 'containers' ? left : []),
      commit: (changes: readonly Change[]) => fakes.commit(changes),
    },
    runtime: {
      ...runtime,
      listen: (listener: { exit(id: string, exit: object): void }) => (report = (id, exit) => listener.exit(id, exit)),
    },
    network: { ...network, onRepair: () => {}, onWarning: () => {}, onHostAddress: () => {} },
    rootfs: { ...rootfs, ids: () => [], missing: () => undefined, graph: () => undefined },
    sources: { filesAmong: async () => new Set() },
    logs: { begin: () => {}, end: () => {}, settled: async () => {}, forget: async () => {}, onHold: () => {} },
  } as unknown as EngineDeps);
  return { engine, end: (id, code) => report(id, { code, oomKilled: false, at: '2024-01-01T00:00:10Z' }) };
}
