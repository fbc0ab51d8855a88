/**
 * Containers' processes: created, started, attached to, signalled and removed through conmon and an OCI runtime.
 * Everything survives this daemon: conmon holds the stdio and the exit code, and `recover` finds them again.
 *
 * A container's life: create (conmon up, the process made but not started) -> attach, as often as wanted -> start ->
 * exit notice -> delete. Attached before start, a session gets every byte. One program is started a container: conmon,
 * which starts the runtime; start and delete are system calls (runtime-program.ts).
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { conflict, errorMessage, invalid, systemError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { within } from '../base/within.ts';
import { kill as killProcess, processState } from '../kernel/process.ts';
import { endingWithRun, type RuntimeSession } from './attach-session.ts';
import { connectAttach, writeControl } from './attach-socket.ts';
import { missingProgram, startConmon } from './conmon.ts';
import { hasHooks, prepareBundle } from './bundle.ts';
import { conmonArguments, conmonPidFile, type CreateRequest } from './conmon-arguments.ts';
import {
  checkCgroupsPath,
  containerPids,
  isFrozen,
  joinContainerIfIn,
  killLeftovers,
  thaw,
  withoutLifted,
} from './container-cgroup.ts';
import { leftoversOf } from './container-leftovers.ts';
import {
  clearUnfinishedNotes,
  noteAnew,
  notedIds,
  readNote,
  removeNote,
  writeNote,
  type ContainerNote,
} from './container-note.ts';
import { forkedConmon, WatchedProcess } from './container-process.ts';
import { startExec, type ExecHandle, type ExecRequest } from './exec.ts';
import { findProcesses, monitorsAtStart } from './find-processes.ts';
import { ended, LiveContainers, UNKNOWN_EXIT_CODE, type Live, type RunListener } from './live-containers.ts';
import { Leftovers, type Leftover } from './leftovers.ts';
import { keepUntilEnded, settleLeftExecs } from './left-execs.ts';
import type { OciResources } from './oci-spec.ts';
import { checkMountTargets, guardMounts } from './mount-guard.ts';
import { endConmon, killMonitor, missedExit, wasOomKilled } from './missed-exit.ts';
import { Operations, type Operation } from './operation.ts';
import { PATIENCE, type Patience } from './patience.ts';
import { environment } from './quick-program.ts';
import { createError } from './runtime-errors.ts';
import { probeRuntime, versionsOf } from './runtime-probe.ts';
import { RuntimeProgram } from './runtime-program.ts';
import { SeccompCache } from './seccomp-cache.ts';
import { SIGKILL } from './signals.ts';
import { serializeSpec } from './spec.ts';
import { StdioConnection } from './stdio-connection.ts';

export type { CreateRequest } from './conmon-arguments.ts';
export type { ExecHandle, ExecRequest } from './exec.ts';
export type { RuntimeSession } from './attach-session.ts';

export interface RuntimeOptions {
  /** name -> program. */
  readonly runtimes: Readonly<Record<string, string>>;
  readonly defaultRuntime: string;
  readonly conmonPath: string;
  /** On a file system that a reboot empties (/run/...): what is here speaks of processes. */
  readonly stateDir: string;
  readonly log: Log;
  readonly patience?: Patience;
}

export type Recovered =
  | { readonly running: true; readonly pid: number }
  | { readonly running: false; readonly exitCode: number; readonly oomKilled: boolean; readonly at: string };

export class Runtime {
  readonly #options: RuntimeOptions;
  readonly #log: Log;
  readonly #programs = new Map<string, RuntimeProgram>();
  readonly #live: LiveContainers;
  readonly #seccomp: SeccompCache;
  readonly #patience: Patience;
  readonly #operations: Operations;
  readonly #leftovers: Leftovers;
  readonly #monitors = monitorsAtStart();

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#leftovers = new Leftovers(options.log);
    this.#seccomp = new SeccompCache(options.log);
    this.#patience = options.patience ?? PATIENCE;
    this.#operations = new Operations(this.#patience);
    this.register(options.runtimes);
    clearUnfinishedNotes(join(options.stateDir, 'containers'));
    this.#live = new LiveContainers({
      exitsDirectory: join(options.stateDir, 'exits'),
      operations: this.#operations,
      patience: this.#patience,
      log: options.log,
    });
  }

  /** Adds programs, or replaces those of the same names; what is left out stays, for containers that have it. */
  register(runtimes: Readonly<Record<string, string>>): void {
    for (const [name, path] of Object.entries(runtimes)) {
      const before = this.#programs.get(name);
      if (before?.path === path) continue;
      before?.close();
      const stateRoot = join(this.#options.stateDir, 'runtimes', name);
      mkdirSync(stateRoot, { recursive: true, mode: 0o711 });
      const { log } = this.#options;
      this.#programs.set(
        name,
        new RuntimeProgram({ name, path, stateRoot, log, operations: this.#operations, patience: this.#patience }),
      );
    }
  }

  /** Refuses with StartError (exitCode 126, 127 or 128) where the runtime refuses; leaves nothing behind then. */
  async create(request: CreateRequest): Promise<{ pid: number }> {
    const { id, bundle, spec, tty, openStdin, stdinOnce } = request;
    if (this.#live.has(id)) throw conflict(`container ${id} is already created`);
    checkCgroupsPath(spec.linux.cgroupsPath); // before anything: what is in it is killed in the end
    checkMountTargets(spec);
    const program = this.#program(request.runtime);
    if (!program.installed) throw missingProgram(program.path, program.packageName);
    const note: ContainerNote = {
      id,
      bundle,
      runtime: program.name,
      tty,
      openStdin,
      stdinOnce,
      cgroupsPath: spec.linux.cgroupsPath,
    };
    await this.#leftovers.clear(id);
    this.#live.exits.forget(id);
    writeNote(this.#noteFile(id), note); // before what it is about: a daemon that starts finds that by it
    try {
      prepareBundle(bundle, spec.hooks);
      writeFileSync(
        join(bundle, 'config.json'),
        serializeSpec(program.flavour === 'crun' ? this.#seccomp.apply(spec) : spec),
        { mode: 0o600 },
      );
      const what = { container: id, doing: 'create', runtime: program.name, timeoutMs: this.#patience.runtimeMs };
      return { pid: await this.#operations.run(what, (operation) => this.#make(request, note, program, operation)) };
    } catch (error) {
      await this.#leftovers.remove(id, [{ what: 'conmon', remove: () => killMonitor(note, this.#patience) }]);
      await this.#discard(id, note, program);
      throw error;
    }
  }

  async #make(
    request: CreateRequest,
    note: ContainerNote,
    program: RuntimeProgram,
    operation: Operation,
  ): Promise<number> {
    const { id, bundle, spec } = request;
    const { pid: startedPid, reports } = startConmon({
      conmonPath: this.#options.conmonPath,
      args: conmonArguments(request, program, this.#live.exits.path),
      cwd: bundle,
      env: environment(),
    });
    operation.watch(startedPid, 'conmon');
    const conmon = await forkedConmon(startedPid, conmonPidFile(bundle), id);
    if (conmon) operation.watch(conmon.pid, 'conmon');
    const live = conmon && this.#live.track(note, program, conmon);
    const report = await reports.next();
    reports.close();
    if (live === undefined || report === undefined || report.data <= 0) {
      live?.conmon.signal(SIGKILL);
      await live?.conmon.ended;
      const complaint = report?.message || reports.rest || `conmon ended without a word`;
      throw createError(complaint, spec.process.args[0] ?? '', program.flavour);
    }
    this.#live.setProcess(live, report.data);
    (live.joined = joinContainerIfIn(spec.linux.cgroupsPath, report.data)).catch(() => {}); // start() waits for it; its network and its state are set up meanwhile
    if (program.flavour !== 'other') guardMounts(spec, report.data);
    return report.data;
  }

  /** Lets the process go. A process that has ended meanwhile has its exit notice; no error. */
  async start(id: string): Promise<void> {
    const live = this.#live.get(id);
    await live.joined;
    if (live.exit !== undefined) return;
    if (!(await live.program.start(id, live.process!, hasHooks(live.note.bundle))))
      this.#log.warn({ id }, 'the container ended before it was started');
  }

  async kill(id: string, signal: number, options: { all?: boolean } = {}): Promise<void> {
    const live = this.#live.get(id);
    live.process?.signal(signal);
    if (options.all)
      for (const pid of containerPids(live.note.cgroupsPath)) if (pid !== live.process?.pid) killProcess(pid, signal);
    // A frozen process does not die of a signal before it thaws.
    if (signal === SIGKILL && isFrozen(live.note.cgroupsPath)) thaw(live.note.cgroupsPath);
  }

  /** Ends what the container waits for from programs that may hang: starts, execs, commands. Callers get an error. */
  interrupt(id: string, why: string): void {
    this.#operations.interrupt(id, why);
  }

  /** The container waits where it writes its output, or goes on; it need not run just now. */
  holdOutput(id: string, isHeld: boolean): void {
    this.#live.holds.want(id, isHeld);
  }

  /** Lets frozen processes go without asking the runtime. */
  thaw(id: string): void {
    thaw(this.#live.get(id).note.cgroupsPath);
  }

  async pause(id: string): Promise<void> {
    await this.#command(this.#live.get(id), 'pause container', ['pause', id]);
  }

  async resume(id: string): Promise<void> {
    await this.#command(this.#live.get(id), 'resume container', ['resume', id]);
  }

  async update(id: string, resources: OciResources): Promise<void> {
    const live = this.#live.get(id);
    const file = join(live.note.bundle, 'resources.json');
    writeFileSync(file, JSON.stringify(withoutLifted(live.note.cgroupsPath, resources)));
    try {
      await this.#command(live, 'update container', ['update', '--resources', file, id]);
    } finally {
      rmSync(file, { force: true });
    }
  }

  /**
   * Removes everything of a container that has ended, or with `force` of one that runs. One that is not there: done.
   * With `keepExit` how it ended can still be recovered, until `forgetExit`.
   */
  async delete(id: string, options: { force?: boolean; keepExit?: boolean } = {}): Promise<void> {
    const live = this.#live.find(id);
    if (live === undefined) {
      const note = readNote(this.#noteFile(id));
      if (note) await this.#discard(id, note, this.#program(note.runtime), options);
      return;
    }
    if (live.exit === undefined) {
      const created = existsSync(join(live.program.stateDirectory(id), 'exec.fifo'));
      if (!options.force && !created) throw conflict(`container ${id} is running`);
      await this.kill(id, SIGKILL);
      await this.#exitOf(live);
    }
    // conmon's last step was the exit notice; one that stops there is not needed any more.
    if (!(await within(live.conmon.ended, this.#patience.conmonMs))) live.conmon.signal(SIGKILL);
    killLeftovers(live.note.cgroupsPath); // with the host's pid namespace, execs too
    await within(Promise.allSettled(live.execs), this.#patience.conmonMs + this.#patience.killMs);
    await this.#discard(id, live.note, live.program, options);
  }

  // After it was killed. Only the kernel can hold a process up then.
  async #exitOf(live: Live): Promise<void> {
    if (await within(live.exited, this.#patience.conmonMs + this.#patience.killMs)) return;
    const pid = live.process?.pid ?? 0;
    throw systemError(
      `container ${live.note.id}: process ${pid} was killed and does not end (state ${processState(pid) ?? 'gone'}): the kernel is busy with it, or a file system that it uses does not answer`,
    );
  }

  /** How it ended is stored elsewhere now. */
  forgetExit(id: string): void {
    if (!this.#live.has(id)) void this.#leftovers.remove(id, this.#notesOf(id));
  }

  /** False from the moment at which its process has ended, before that is dealt with. */
  runs(id: string): boolean {
    return this.#live.runs(id);
  }

  /** Whether its processes are frozen. */
  isPaused(id: string): boolean {
    return isFrozen(this.#live.get(id).note.cgroupsPath);
  }

  /**
   * Connects to the stdio of a created or running container. `stdin: false`: the session only listens, and its end does
   * not end the process's stdin.
   */
  attach(id: string, options: { stdin?: boolean } = {}): Promise<RuntimeSession> {
    const live = this.#live.get(id);
    const { tty, openStdin, stdinOnce, bundle } = live.note;
    if (live.exit !== undefined) throw conflict(`container ${id} is not running`);
    for (const old of live.stdio) if (old.closed) live.stdio.delete(old);
    let connection = [...live.stdio].find(({ open }) => open);
    if (connection === undefined) {
      connection = new StdioConnection(connectAttach(bundle), { tty, stdinEnds: openStdin && stdinOnce && !tty });
      live.stdio.add(connection);
    }
    return Promise.resolve(endingWithRun(connection.join({ stdin: options.stdin ?? true }), live.exited));
  }

  resize(id: string, rows: number, columns: number): void {
    writeControl(this.#live.get(id).note.bundle, rows, columns);
  }

  async exec(id: string, execId: string, request: ExecRequest): Promise<ExecHandle> {
    const live = this.#live.find(id);
    if (live === undefined || live.exit !== undefined) throw conflict(`container ${id} is not running`);
    const handle = await startExec({
      ...request,
      containerId: id,
      execId,
      directory: join(live.note.bundle, 'exec', execId),
      conmonPath: this.#options.conmonPath,
      program: live.program,
      cgroupsPath: live.note.cgroupsPath,
      runs: () => live.exit === undefined && live.process?.running === true,
      operations: this.#operations,
      patience: this.#patience,
      log: this.#log,
    });
    keepUntilEnded(live.execs, handle.gone);
    return handle;
  }

  /** Every process in the container, by the host's numbers. */
  processes(id: string): number[] {
    return containerPids(this.#live.get(id).note.cgroupsPath);
  }

  /** Called once for each container that ends, as soon as conmon reports it. `recover` reports earlier ends. */
  listen(listener: RunListener): void {
    this.#live.listen(listener);
  }

  /**
   * After a restart of the daemon: takes up a container that this or an earlier daemon started, or reports how it ended
   * (again and again, until `forgetExit`). `recorded`: what its record has of the run, where that is known.
   */
  async recover(id: string, recorded?: ContainerNote): Promise<Recovered> {
    const known = this.#live.find(id);
    if (known?.process) return known.exit ? ended(known.exit) : { running: true, pid: known.process.pid };
    const note =
      readNote(this.#noteFile(id)) ??
      noteAnew(this.#noteFile(id), id, recorded, {
        programs: this.#programs.values(),
        monitors: this.#monitors,
        log: this.#log,
      });
    const gone = ended({ code: UNKNOWN_EXIT_CODE, oomKilled: false, at: new Date().toISOString() });
    if (note === undefined) return gone;
    const program = this.#program(note.runtime);
    const found = findProcesses(note, this.#monitors);
    if (found && existsSync(join(program.stateDirectory(id), 'exec.fifo'))) {
      // Made but never started: the daemon died in between, and its caller is gone.
      killProcess(found.pid, SIGKILL);
      await endConmon(new WatchedProcess(found.conmonPid), this.#patience);
      await this.#discard(id, note, program, { keepExit: true });
      return gone;
    }
    if (found && this.#live.exits.read(id) === undefined) {
      const live = this.#live.track(note, program, new WatchedProcess(found.conmonPid));
      this.#live.setProcess(live, found.pid);
      settleLeftExecs(join(note.bundle, 'exec'), live.execs, (error) =>
        this.#log.warn({ id, error: errorMessage(error) }, 'files of an exec stay behind'),
      );
      return { running: true, pid: found.pid };
    }
    const notice = await missedExit(note, this.#live.exits, {
      appearsWithinMs: found ? 2000 : 200,
      patience: this.#patience,
      log: this.#log,
    });
    const exit = notice ? { ...notice, oomKilled: wasOomKilled(note, notice.code) } : undefined;
    await this.#discard(id, note, program, { keepExit: true });
    return exit ? ended(exit) : gone;
  }

  /** The ids of which this directory still knows something: what is not the engine's can be deleted. */
  knownIds(): string[] {
    return notedIds(join(this.#options.stateDir, 'containers'));
  }

  /** Whether a runtime works here: undefined, or the reason why not. */
  probe(name = ''): Promise<string | undefined> {
    return probeRuntime(this.#program(name), this.#options);
  }

  /** name -> path and version line ('' where it cannot be run), and conmon's. */
  version(): Promise<{ runtimes: Record<string, { path: string; version: string }>; conmon: string }> {
    return versionsOf(
      [...this.#programs.values()],
      this.#options.conmonPath,
      this.#operations,
      this.#patience.conmonMs,
    );
  }

  /** Lets go of everything; containers run on. */
  close(): void {
    this.#operations.endAll('before the engine ended');
    this.#live.close();
    this.#leftovers.close();
    for (const program of this.#programs.values()) program.close();
  }

  #program(name: string): RuntimeProgram {
    // containerd's name for runc is what clients send that name a runtime by its API.
    const wanted = name === '' || name === 'io.containerd.runc.v2' ? this.#options.defaultRuntime : name;
    const program = this.#programs.get(wanted);
    if (program === undefined) throw invalid(`unknown or invalid runtime name: ${wanted}`);
    return program;
  }

  #noteFile(id: string): string {
    return join(this.#options.stateDir, 'containers', `${id}.json`);
  }

  async #command(live: Live, what: string, args: readonly string[]): Promise<void> {
    const result = await live.program.run(args, live.note.id);
    if (result.code !== 0) throw systemError(`${what}: ${result.output}`);
  }

  /** Teardown of what may be half there. Never rejects: see Leftovers. */
  #discard(
    id: string,
    note: ContainerNote,
    program: RuntimeProgram,
    options: { keepExit?: boolean } = {},
  ): Promise<void> {
    const monitorEnded = this.#live.find(id)?.conmon.alive === false; // seen, so that it need not be looked for
    this.#live.release(id);
    return this.#leftovers.remove(id, [
      ...leftoversOf(note, program, this.#patience, { monitorEnded }),
      ...(options.keepExit ? [] : this.#notesOf(id)),
    ]);
  }

  #notesOf(id: string): Leftover[] {
    return [
      { what: 'exit notice', remove: () => this.#live.exits.forget(id) },
      { what: 'note', remove: () => removeNote(this.#noteFile(id)), last: true },
    ];
  }
}
