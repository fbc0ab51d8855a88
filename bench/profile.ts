/** Where time and memory of a row that falls short go. */
import { readFileSync } from 'node:fs';
import { memoryOf } from './memory.ts';
import type { Engine } from './engines.ts';
import { median } from './report.ts';

const PHASES = ['client', 'create', 'start', 'wait', 'remove'] as const;
type Phase = (typeof PHASES)[number];

/** `run --rm busybox true`: the API calls that the client makes, one by one, in seconds. */
export async function profileRun(engine: Engine, runs: number): Promise<Readonly<Record<Phase, number>>> {
  const samples: Record<Phase, number[]> = { client: [], create: [], start: [], wait: [], remove: [] };
  for (let run = 0; run < runs; run++) {
    // Its start, its connection and one answer.
    samples.client.push(await engine.timed('version', '-f', '{{.Server.Version}}'));
    const create = await engine.call('POST', '/containers/create', { Image: 'busybox', Cmd: ['true'] });
    const id = String(create.answer.Id);
    samples.create.push(create.seconds);
    samples.start.push((await engine.call('POST', `/containers/${id}/start`)).seconds);
    samples.wait.push((await engine.call('POST', `/containers/${id}/wait`)).seconds);
    samples.remove.push((await engine.call('DELETE', `/containers/${id}`)).seconds);
  }
  return Object.fromEntries(PHASES.map((phase) => [phase, median(samples[phase])])) as Record<Phase, number>;
}

export function profileTable(profiles: readonly (readonly [string, Readonly<Record<Phase, number>>])[]): string {
  const line = (name: string, cells: readonly string[]): string => `  ${name.padEnd(10)}${cells.map((cell) => cell.padStart(10)).join('')}`;
  return [
    'Where the time of run --rm busybox true goes (ms; client: its start and one question):',
    line('', PHASES),
    ...profiles.map(([name, phases]) => line(name, PHASES.map((phase) => (phases[phase] * 1000).toFixed(1)))),
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
