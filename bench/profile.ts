/** Where the time of `run --rm busybox true` goes: the API calls that the client makes, one by one. */
import type { Engine } from './engines.ts';
import { median } from './report.ts';

const PHASES = ['client', 'create', 'start', 'wait', 'remove'] as const;
type Phase = (typeof PHASES)[number];

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
