/** All that there may be of a container that has ended, or that was half made, in the order in which it goes. */
import { rmSync } from 'node:fs';
import { hasHooks, removeBundle } from './bundle.ts';
import { killLeftovers, removeCgroupWhenEmpty } from './container-cgroup.ts';
import type { ContainerNote } from './container-note.ts';
import type { Leftover } from './leftovers.ts';
import { endExecs, endMonitor } from './missed-exit.ts';
import type { Patience } from './patience.ts';
import type { RuntimeProgram } from './runtime-program.ts';

export function leftoversOf(
  note: ContainerNote,
  program: RuntimeProgram,
  patience: Patience,
  { monitorEnded = false } = {},
): Leftover[] {
  return [
    { what: 'monitors of execs', remove: () => endExecs(note) },
    { what: 'processes', remove: () => killLeftovers(note.cgroupsPath) },
    ...(monitorEnded ? [] : [{ what: 'conmon', remove: () => endMonitor(note, patience) }]),
    { what: 'state of the runtime', remove: () => program.delete(note.id, hasHooks(note.bundle)) },
    { what: 'cgroup', remove: () => removeCgroupWhenEmpty(note.cgroupsPath) },
    {
      what: 'directory of the runtime',
      remove: () => rmSync(program.stateDirectory(note.id), { recursive: true, force: true }),
    },
    { what: 'bundle', remove: () => removeBundle(note.bundle) },
  ];
}
