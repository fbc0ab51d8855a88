/** exec: a second process in a running container. */
import { join } from 'node:path';
import { conflict, errorMessage, invalid, systemError } from '../../base/errors.ts';
import type { ContainerRecord } from '../../model/container.ts';
import { StartError } from '../../model/start-error.ts';
import { newId } from '../../model/ids.ts';
import type { RuntimeSession } from '../../oci/attach-session.ts';
import type { ExecHandle } from '../../oci/runtime.ts';
import { buildExecProcess } from '../../oci/spec.ts';
import { resolveUser } from '../../oci/user.ts';
import { publishContainerEvent } from '../container/container-events.ts';
import type { ContainerTable } from '../container/container-table.ts';
import { processEnvironment } from '../container/image-defaults.ts';
import { linkEnvironment, type LinkSources } from '../container/link-environment.ts';
import type { EngineConfig } from '../engine-config.ts';
import type { LiveRuntime } from '../ports.ts';
import type { EventBus } from '../system/event-bus.ts';
import { notRunning, whileItRuns, type RunningNeeds } from '../container/while-it-runs.ts';
import type { ExecEntry, ExecTable } from './exec-table.ts';
import type { ExecSpec } from '../../model/exec.ts';

export interface CreateExecNeeds extends RunningNeeds {
  readonly containers: Pick<ContainerTable, 'find'>;
  readonly execs: Pick<ExecTable, 'add'>;
  readonly events: EventBus;
}

export type StartExecNeeds = ExecNeeds & {
  readonly containers: Pick<ContainerTable, 'find'>;
  readonly execs: Pick<ExecTable, 'find' | 'begin' | 'settled'>;
  readonly runtime: Pick<LiveRuntime, 'runs'>;
  readonly events: EventBus;
};

/**
 * Resolves with the id of the exec. A user that it names is looked for already here, as Docker does: a client that starts
 * it has no answer any more. @throws notFound, conflict, invalid
 */
export async function createExec(needs: CreateExecNeeds, ref: string, spec: ExecSpec): Promise<string> {
  if (spec.cmd.length === 0) throw invalid('No exec command specified');
  const record = runningContainer(needs, ref);
  if (spec.user !== '') await whileItRuns(needs, record.id, () => knownUser(record, spec));
  const entry: ExecEntry = {
    id: newId(),
    containerId: record.id,
    spec,
    started: false,
    exitCode: null,
    pid: 0,
    handle: null,
  };
  needs.execs.add(entry);
  publishContainerEvent(needs.events, record, execAction('exec_create', spec.cmd), { execID: entry.id });
  return entry.id;
}

/** Docker's, which has a space after the program also where it has no arguments. */
export function execAction(action: 'exec_create' | 'exec_start', [program, ...args]: readonly string[]): string {
  return `${action}: ${program} ${args.join(' ')}`;
}

function runningContainer(needs: { readonly containers: Pick<ContainerTable, 'find'> }, ref: string): ContainerRecord {
  const record = needs.containers.find(ref);
  if (record.state.status === 'paused') throw conflict(`Container ${ref} is paused, unpause the container before exec`);
  if (record.state.status === 'restarting')
    throw conflict(`Container ${record.id} is restarting, wait until the container is running`);
  if (record.state.pid === 0) throw notRunning(record.id);
  return record;
}

export interface ExecStartOptions {
  readonly detach: boolean;
  readonly consoleSize: readonly [number, number] | null;
}

/** An exec whose one start is taken: nothing in its state or its container's forbids it. */
export interface ClaimedExec {
  readonly spec: ExecSpec;
  /** The session is null when nothing is to be attached. */
  start(options: ExecStartOptions): Promise<RuntimeSession | null>;
}

/**
 * Takes the one start of an exec, or refuses it. Apart from the start itself, so that a client has the head of its
 * answer before the first output can follow it. @throws notFound, conflict
 */
export function claimExec(needs: StartExecNeeds, id: string): ClaimedExec {
  const entry = needs.execs.find(id);
  runningContainer(needs, entry.containerId); // before it is taken: one of a paused container can be started later
  needs.execs.begin(entry);
  return { spec: entry.spec, start: (options) => startExec(needs, entry, options) };
}

/** As long as dockerd waits. */
const RESIZE_PATIENCE_MS = 10_000;

/**
 * A client has its connection before the process is there, and many resize it at once: the start is waited for.
 *
 * @throws notFound where it could not be started or has ended, conflict where its container does not run or is paused,
 *   system where it does not begin in time
 */
export async function resizeExec(
  needs: {
    readonly containers: Pick<ContainerTable, 'find'>;
    readonly execs: Pick<ExecTable, 'find' | 'running' | 'whenSettled'>;
  },
  id: string,
  rows: number,
  columns: number,
  patienceMs = RESIZE_PATIENCE_MS,
): Promise<void> {
  const entry = needs.execs.find(id);
  runningContainer(needs, entry.containerId);
  if (!(await needs.execs.whenSettled(entry, patienceMs))) throw systemError('timeout waiting for exec session ready');
  runningContainer(needs, entry.containerId);
  needs.execs.running(id).resize(rows, columns);
}

async function startExec(
  needs: StartExecNeeds,
  entry: ExecEntry,
  options: ExecStartOptions,
): Promise<RuntimeSession | null> {
  const { id } = entry;
  let record: ContainerRecord;
  let handle: ExecHandle;
  try {
    record = runningContainer(needs, entry.containerId);
    publishContainerEvent(needs.events, record, execAction('exec_start', entry.spec.cmd), { execID: id });
    handle = await whileItRuns(needs, record.id, () =>
      runExec(needs, record, entry.id, entry.spec, {
        attach: !options.detach,
        consoleSize: options.consoleSize ?? entry.spec.consoleSize,
      }),
    );
  } catch (error) {
    // Docker's exit codes for what could not be started.
    entry.exitCode = error instanceof StartError ? error.exitCode : 126;
    needs.execs.settled(entry);
    throw error;
  }
  entry.handle = handle;
  entry.pid = handle.pid;
  needs.execs.settled(entry);
  void handle.exited.then((exitCode) => {
    entry.exitCode = exitCode;
    entry.handle = null;
    publishContainerEvent(needs.events, needs.containers.get(record.id) ?? record, 'exec_die', {
      execID: id,
      exitCode: String(exitCode),
    });
  });
  return handle.session && endingAfter(handle.session, handle.exited);
}

/** Clients ask for the exit code as soon as the output has ended: it must be known by then. */
function endingAfter(session: RuntimeSession, exited: Promise<number>): RuntimeSession {
  const output = (async function* () {
    yield* session.output;
    await exited;
  })();
  return {
    tty: session.tty,
    output,
    writeStdin: (chunk) => session.writeStdin(chunk),
    closeStdin: () => session.closeStdin(),
    detach: () => session.detach(),
  };
}

export interface ExecNeeds extends LinkSources {
  readonly config: Pick<EngineConfig, 'confinement'>;
  readonly runtime: Pick<LiveRuntime, 'exec'>;
}

/** Runs `spec` in the container; also what health probes use. */
export async function runExec(
  needs: ExecNeeds,
  record: ContainerRecord,
  execId: string,
  spec: ExecSpec,
  options: { attach: boolean; consoleSize: readonly [number, number] | null; startTimeoutMs?: number },
): Promise<ExecHandle> {
  if (spec.workingDir !== '' && !spec.workingDir.startsWith('/'))
    throw new StartError('OCI runtime exec failed: exec failed: Cwd must be an absolute path', 128);
  const base = processEnvironment({ ...record.spec.process, tty: spec.tty }, linkEnvironment(needs, record));
  const env = mergeOver(base, spec.env);
  const process = buildExecProcess({
    record,
    args: spec.cmd,
    env,
    user: await execUser(record, spec),
    cwd: spec.workingDir,
    tty: spec.tty,
    privileged: spec.privileged,
    consoleSize: options.consoleSize,
    defaults: needs.config.confinement,
  });
  return needs.runtime.exec(record.id, execId, {
    process,
    tty: spec.tty,
    stdin: spec.attachStdin,
    attach: options.attach,
    ...(options.startTimeoutMs === undefined ? {} : { startTimeoutMs: options.startTimeoutMs }),
  });
}

async function knownUser(record: ContainerRecord, spec: ExecSpec): Promise<void> {
  try {
    await execUser(record, spec);
  } catch (error) {
    throw invalid(errorMessage(error), error);
  }
}

function execUser(record: ContainerRecord, spec: ExecSpec): ReturnType<typeof resolveUser> {
  const root = join('/proc', String(record.state.pid), 'root');
  return resolveUser(root, {
    user: spec.user || record.spec.process.user,
    groupAdd: record.spec.host.groupAdd,
    container: record.name,
  });
}

function mergeOver(base: readonly string[], own: readonly string[]): string[] {
  const keys = new Set(own.map((entry) => entry.split('=', 1)[0]));
  return [...base.filter((entry) => !keys.has(entry.split('=', 1)[0])), ...own.filter((entry) => entry.includes('='))];
}
