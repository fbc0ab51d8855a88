import { conflict, errorMessage } from '../../base/errors.ts';
import { RouteSocket, type LinkStatistics } from '../../kernel/netlink/route-socket.ts';
import { livingSharers } from '../files/container-files.ts';
import { joinSteps } from '../plan/sandbox-steps.ts';
import type { JoinRequest, Sandbox, SandboxRecord } from '../table/sandbox.ts';
import type { Allocation } from './allocate.ts';
import type { ApplyChange } from './change.ts';
import { runningRecord, type ContainerLocks } from './container-locks.ts';
import { networkOf, type NetworkCore } from './core.ts';
import type { Leave } from './leave.ts';

/** The networking of containers from the start of a run to its end. */
export interface Runs {
  /** Undefined also where there is only a namespace that is kept for others. */
  sandbox(containerId: string): Sandbox | undefined;
  /** A running container as its network knows it: name, connections and links as they are now. */
  request(containerId: string): JoinRequest | undefined;
  /**
   * Makes a container's namespace with all its connections, ports, names and files; one that was kept for others is
   * used again.
   */
  join(request: JoinRequest): Promise<Sandbox>;
  /**
   * The container starts again and finds its networking as it left it, since others share it. Connections stay as they
   * are; the rest is as in the request.
   */
  rejoin(request: JoinRequest): Promise<Sandbox>;
  /** Takes a container's networking down, all of it, whatever fails on the way; nothing there is fine. */
  leave(containerId: string): Promise<void>;
  /**
   * The container has ended, and others share its namespace: all of its networking is removed except the namespace,
   * into which it comes back with the next `join`.
   */
  park(containerId: string): Promise<void>;
  /** The last of those that shared the namespace has ended: where it was kept for them only, it goes. */
  releaseParked(containerId: string): Promise<void>;
  /** The runtime made the container: from now on its files can only be changed where it has them mounted. */
  containerStarted(containerId: string, pid: number): Promise<void>;
  /** Another container, with a process `pid`, shares the network of this one, and has the same files mounted. */
  filesShared(containerId: string, pid: number): Promise<void>;
  /** Counters of a container's interfaces, as the container sees them. */
  statistics(containerId: string): Record<string, LinkStatistics>;
}

interface RunNeeds extends Pick<NetworkCore, 'facts' | 'log' | 'pendingRemovals' | 'recalled' | 'rows' | 'table'> {
  readonly allocation: Pick<Allocation, 'sandbox'>;
  readonly apply: ApplyChange;
  readonly leave: Leave;
  readonly locks: ContainerLocks;
}

export function createRuns(needs: RunNeeds): Runs {
  const { allocation, apply, leave, locks, rows, table } = needs;
  return {
    sandbox(containerId: string): Sandbox | undefined {
      return runningSandbox(needs, containerId) ?? needs.recalled.sandbox(containerId);
    },

    request(containerId: string): JoinRequest | undefined {
      const record = table.sandbox(containerId);
      return record?.parked ? undefined : record?.request;
    },

    async join(request: JoinRequest): Promise<Sandbox> {
      return locks.exclusively(request.containerId, async (undo) => {
        const { facts, pendingRemovals } = needs;
        const kept = table.sandbox(request.containerId);
        if (kept && !kept.parked) throw conflict(`container ${request.containerId} has a network sandbox already`);
        const allocated = allocation.sandbox(request, undo, kept);
        const pending = pendingRemovals.of(allocated.sandbox.endpoints);
        if (pending) await pending;
        for (const { networkId } of request.connections) networkOf(needs, networkId); // each may have been removed meanwhile
        const { sharers, written } = (kept && table.sandbox(request.containerId)) ?? allocated;
        const next: SandboxRecord = { ...allocated, ...(sharers ? { sharers } : {}), written };
        await apply(undo, {
          containerId: request.containerId,
          next,
          known: request,
          steps: joinSteps(next, kept, table, facts),
        });
        return next.sandbox;
      });
    },

    async rejoin(request: JoinRequest): Promise<Sandbox> {
      return locks.exclusively(request.containerId, async (undo) => {
        const record = runningRecord(needs, request.containerId);
        const next: SandboxRecord = {
          ...record,
          pid: 0,
          request: { ...request, connections: record.request.connections },
        };
        await apply(undo, { containerId: request.containerId, next, known: next.request, steps: [] });
        return record.sandbox;
      });
    },

    async leave(containerId: string): Promise<void> {
      await locks.run(containerId, async () => {
        const record = table.sandbox(containerId);
        if (record) await leave(record, { park: false });
        else await rows.commitOwed(containerId); // that it left before
      });
    },

    async park(containerId: string): Promise<void> {
      await locks.run(containerId, async () => {
        const record = table.sandbox(containerId);
        if (record && !record.parked) await leave(record, { park: record.sandbox.netns !== '' });
        else await rows.commitOwed(containerId);
      });
    },

    async releaseParked(containerId: string): Promise<void> {
      await locks.run(containerId, async () => {
        const record = table.sandbox(containerId);
        if (record?.parked) await leave(record, { park: false });
        else if (!record) await rows.commitOwed(containerId);
      });
    },

    async containerStarted(containerId: string, pid: number): Promise<void> {
      const record = table.sandbox(containerId);
      if (record) noteProcess(needs, { ...record, pid, sharers: livingSharers(record) });
    },

    async filesShared(containerId: string, pid: number): Promise<void> {
      const record = table.sandbox(containerId);
      if (record) noteProcess(needs, { ...record, sharers: [...livingSharers(record), pid] });
    },

    statistics(containerId: string): Record<string, LinkStatistics> {
      const sandbox = runningSandbox(needs, containerId);
      if (!sandbox || sandbox.netns === '') return {};
      const socket = RouteSocket.open(sandbox.netns);
      try {
        const named = sandbox.endpoints.filter((endpoint) => endpoint.ifname !== '');
        return Object.fromEntries(named.map((endpoint) => [endpoint.ifname, socket.statistics(endpoint.ifname)]));
      } finally {
        socket.close();
      }
    },
  };
}

function noteProcess({ log, rows, table }: Pick<RunNeeds, 'log' | 'rows' | 'table'>, next: SandboxRecord): void {
  const { containerId } = next.sandbox;
  table.putSandbox(next);
  // No caller has to wait for the disk: without it, files are only replaced in another way after a crash.
  rows
    .commit([containerId])
    .catch((error: unknown) =>
      log.warn({ container: containerId, error: errorMessage(error) }, 'process id not stored'),
    );
}

function runningSandbox({ table }: Pick<RunNeeds, 'table'>, containerId: string): Sandbox | undefined {
  const record = table.sandbox(containerId);
  return record?.parked ? undefined : record?.sandbox;
}
