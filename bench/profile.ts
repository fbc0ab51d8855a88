/** Where time and memory of a row that falls short go. */
import { readFileSync } from 'node:fs';
import { memoryOf } from './memory.ts';
import type { Engine } from './engines.ts';
import { median } from './report.ts';

export interface Profile {
  /** Of what, and in which parts. */
  readonly title: string;
  readonly phases: readonly string[];
  /** Median seconds of each phase. */
  readonly engines: Readonly<Record<string, readonly number[]>>;
}

type Phases = Readonly<Record<string, () => Promise<number>>>;

/** Its start, its connection and one answer: what every command of the docker client takes before anything is done. */
const client = (engine: Engine) => (): Promise<number> => engine.timed('version', '-f', '{{.Server.Version}}');

/** `run --rm busybox true`: the API calls that the client makes, one by one. */
export async function profileRun(engines: readonly Engine[], runs: number): Promise<Profile> {
  return profile('run --rm busybox true', engines, runs, (engine) => {
    let id = '';
    return {
      client: client(engine),
      create: async () => {
        const { seconds, answer } = await engine.call('POST', '/containers/create', {
          Image: 'busybox',
          Cmd: ['true'],
        });
        id = String(answer.Id);
        return seconds;
      },
      start: async () => (await engine.call('POST', `/containers/${id}/start`)).seconds,
      wait: async () => (await engine.call('POST', `/containers/${id}/wait`)).seconds,
      remove: async () => (await engine.call('DELETE', `/containers/${id}`)).seconds,
    };
  });
}

/** The life of a network through the API, without a client that starts each time. */
export async function profileNetworks(engines: readonly Engine[], runs: number): Promise<Profile> {
  for (const engine of engines) {
    await engine.ok('network', 'create', 'bench-home');
    await engine.ok('run', '-d', '--name', 'bench-guest', '--network', 'bench-home', 'busybox', 'sleep', '100000');
  }
  const result = await profile('the network commands', engines, runs, (engine) => ({
    client: client(engine),
    create: async () =>
      (await engine.call('POST', '/networks/create', { Name: 'bench-net', Driver: 'bridge' })).seconds,
    connect: async () =>
      (await engine.call('POST', '/networks/bench-net/connect', { Container: 'bench-guest' })).seconds,
    disconnect: async () =>
      (await engine.call('POST', '/networks/bench-net/disconnect', { Container: 'bench-guest' })).seconds,
    remove: async () => (await engine.call('DELETE', '/networks/bench-net')).seconds,
  }));
  for (const engine of engines) {
    await engine.remove('bench-guest');
    await engine.docker('network', 'rm', 'bench-home');
  }
  return result;
}

async function profile(
  title: string,
  engines: readonly Engine[],
  runs: number,
  phasesOf: (engine: Engine) => Phases,
): Promise<Profile> {
  const subjects = engines.map((engine) => ({
    name: engine.name,
    phases: Object.entries(phasesOf(engine)),
    samples: new Map<string, number[]>(),
  }));
  for (let run = 0; run < runs; run++) {
    for (const { phases, samples } of subjects) {
      for (const [name, measure] of phases) samples.set(name, [...(samples.get(name) ?? []), await measure()]);
    }
  }
  const phases = subjects[0]?.phases.map(([name]) => name) ?? [];
  return {
    title,
    phases,
    engines: Object.fromEntries(
      subjects.map(({ name, samples }) => [name, phases.map((phase) => median(samples.get(phase) ?? []))]),
    ),
  };
}

export function profileTable({ title, phases, engines }: Profile): string {
  const line = (name: string, cells: readonly string[]): string =>
    `  ${name.padEnd(10)}${cells.map((cell) => cell.padStart(12)).join('')}`;
  return [
    `Where the time of ${title} goes (ms; client: its start and one question):`,
    line('', phases),
    ...Object.entries(engines).map(([name, seconds]) =>
      line(
        name,
        seconds.map((value) => (value * 1000).toFixed(1)),
      ),
    ),
  ].join('\n');
}

/** The engine's processes with their memory, as they are now. */
export function memoryTable(engine: Engine): string {
  const lines = engine.sandbox.processes().map((pid) => {
    const { rssMb, pssMb } = memoryOf([pid]);
    return `  ${rssMb.toFixed(1).padStart(8)}${pssMb.toFixed(1).padStart(8)}  ${commandOf(pid)}`;
  });
  return [`Processes of ${engine.name} (MB: RSS, PSS):`, ...lines].join('\n');
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim().slice(0, 80);
  } catch {
    return '(ended)';
  }
}
