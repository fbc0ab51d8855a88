/** ipc, pid and uts modes: whose namespaces a container shares. */
import { conflict, invalid, systemError } from '../../base/errors.ts';
import type { ContainerRecord } from '../../model/container.ts';
import type { ContainerTable } from './container-table.ts';
import { joinedContainerRef } from './network-mode.ts';

export type NamespaceTarget = 'host' | 'private' | { readonly path: string };

export interface NamespaceTargets {
  readonly ipc: NamespaceTarget;
  readonly pid: NamespaceTarget;
  readonly uts: NamespaceTarget;
}

export function joinTargets(containers: Pick<ContainerTable, 'find'>, record: ContainerRecord): NamespaceTargets {
  const { ipcMode, pidMode, utsMode } = record.spec.host;
  let ipc: NamespaceTarget = ipcMode === 'host' ? 'host' : 'private';
  if (ipcMode.startsWith('container:')) {
    const other = runningContainer(containers, record, ipcMode, 'IPC');
    if (other.spec.host.ipcMode === 'private' || other.spec.host.ipcMode === 'none') {
      throw invalid(
        `failed to join IPC namespace: container ${other.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
      );
    }
    ipc = { path: `/proc/${other.state.pid}/ns/ipc` };
  }
  let pid: NamespaceTarget = pidMode === 'host' ? 'host' : 'private';
  if (pidMode.startsWith('container:')) {
    pid = { path: `/proc/${runningContainer(containers, record, pidMode, 'PID').state.pid}/ns/pid` };
  }
  return { ipc, pid, uts: utsMode === 'host' ? 'host' : 'private' };
}

function runningContainer(
  containers: Pick<ContainerTable, 'find'>,
  record: ContainerRecord,
  mode: string,
  kind: 'IPC' | 'PID',
): ContainerRecord {
  const ref = joinedContainerRef(mode);
  const other = containers.find(ref);
  if (other.id === record.id) throw invalid(`cannot join own ${kind} namespace`);
  if (other.state.status !== 'running' && other.state.status !== 'paused') {
    // Docker's words, and its kinds.
    const reason = `failed to join ${kind} namespace: container ${other.id} is not running`;
    throw kind === 'PID' ? systemError(reason) : conflict(reason);
  }
  return other;
}
