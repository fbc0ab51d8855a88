/**
 * One OCI runtime program (crun or runc) and its state directory: which arguments it takes, and the two things that the
 * daemon does in its place because they are a few system calls where a process costs 5 to 15 ms:
 *
 * - start: the container's first process waits in its state directory's `exec.fifo` (crun reads one byte from it, runc
 *   writes one); `start` does nothing else where there are no poststart hooks.
 * - delete of a container that has ended: remove its cgroup and its state directory.
 *
 * Both look first whether the directory is as they know it, and use the program's own command otherwise; so do
 * containers with hooks at these moments.
 */
import { closeSync, constants, existsSync, openSync, readFileSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { errorCode, errorMessage, systemError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { memoryLayout } from '../kernel/process.ts';
import { FdWatch } from '../kernel/fd-watch.ts';
import { openMemoryFile, sealMemoryFile } from '../kernel/spawn.ts';
import { missingProgram } from './conmon.ts';
import type { WatchedProcess } from './container-process.ts';
import type { Operations } from './operation.ts';
import type { Patience } from './patience.ts';
import { untilBegun } from './program-begun.ts';
import { runQuickly, type QuickResult } from './quick-program.ts';

export type RuntimeFlavour = 'crun' | 'runc' | 'other';

/** The file by which a state directory is recognized; an unknown runtime has none. */
const STATE_FILES: Readonly<Record<RuntimeFlavour, string>> = { crun: 'status', runc: 'state.json', other: 'unknown' };

export class RuntimeProgram {
  readonly name: string;
  readonly path: string;
  readonly stateRoot: string;
  readonly flavour: RuntimeFlavour;
  readonly #log: Log;
  readonly #operations: Operations;
  readonly #patience: Patience;
  #sealedFd: number | undefined;

  constructor(options: {
    name: string;
    path: string;
    stateRoot: string;
    log: Log;
    operations: Operations;
    patience: Patience;
  }) {
    this.name = options.name;
    this.path = options.path;
    this.stateRoot = options.stateRoot;
    this.#log = options.log;
    this.#operations = options.operations;
    this.#patience = options.patience;
    const file = basename(options.path);
    this.flavour = file.startsWith('crun') ? 'crun' : file.startsWith('runc') ? 'runc' : 'other';
  }

  /** Debian's package that has it. */
  get packageName(): string {
    return this.flavour === 'other' ? this.name : this.flavour;
  }

  get installed(): boolean {
    return existsSync(this.path);
  }

  /**
   * What conmon is told to execute. Both runtimes copy themselves to memory and execute the copy, so that a container
   * cannot overwrite the host's file through /proc/PID/exe (CVE-2019-5736), unless they already run from a sealed
   * memory file: one made here for all containers is as safe, and saves each the copy and a second program start (3 to
   * 15 ms).
   */
  executable(): string {
    if (this.flavour === 'other') return this.path;
    if (this.#sealedFd === undefined) {
      let content: Buffer;
      try {
        content = readFileSync(this.path);
      } catch (error) {
        throw missingProgram(this.path, this.packageName, error);
      }
      if (content.subarray(0, 4).toString('latin1') !== '\x7fELF') return this.path; // a script stays what it is
      try {
        const fd = openMemoryFile(this.name);
        for (let offset = 0; offset < content.length;) offset += writeSync(fd, content, offset);
        sealMemoryFile(fd);
        this.#sealedFd = fd;
      } catch (error) {
        this.#log.debug(
          { error, runtime: this.path },
          'no executable memory files here: the runtime copies itself each time',
        );
        return this.path;
      }
    }
    return `/proc/${process.pid}/fd/${this.#sealedFd}`;
  }

  stateDirectory(id: string): string {
    return join(this.stateRoot, id);
  }

  /** Arguments in front of every command. */
  get globalArgs(): readonly string[] {
    return ['--root', this.stateRoot];
  }

  /**
   * A command about a container, or about none; ends when its time is over, or when the container's operations are
   * interrupted.
   */
  async run(args: readonly string[], container?: string, timeoutMs = this.#patience.runtimeMs): Promise<QuickResult> {
    if (!this.installed) throw missingProgram(this.path, this.packageName);
    return this.#operations.run({ container, doing: args[0] ?? '', runtime: this.name, timeoutMs }, (operation) =>
      runQuickly(this.path, [...this.globalArgs, ...args], (pid) => operation.watch(pid, this.name)),
    );
  }

  /** Lets the created container's process go, up to its program's beginning. False when it has ended already. */
  async start(id: string, process: WatchedProcess, hooked: boolean): Promise<boolean> {
    const fifo = join(this.stateDirectory(id), 'exec.fifo');
    if (hooked || this.flavour === 'other' || !existsSync(fifo)) return this.#start(id);
    const before = memoryLayout(process.pid);
    const wasThere = this.flavour === 'crun' ? startByWriting(fifo) : await this.#startByReading(id, fifo, process);
    if (wasThere) await untilBegun(process.pid, before);
    return wasThere;
  }

  #startByReading(id: string, fifo: string, process: WatchedProcess): Promise<boolean> {
    return this.#operations.run(
      { container: id, doing: 'start', runtime: "the container's first process", timeoutMs: this.#patience.runtimeMs },
      (operation) => {
        operation.watch(process.pid, "the container's first process");
        return startByReading(fifo, process);
      },
    );
  }

  async #start(id: string): Promise<boolean> {
    const result = await this.run(['start', id], id);
    if (result.code !== 0) throw systemError(`start container: ${result.output}`);
    return true;
  }

  /**
   * Has the runtime remove a container with hooks, or whose state directory is not in a known form; its directory and
   * its cgroup are removed here in any case.
   */
  async delete(id: string, hooked: boolean): Promise<void> {
    const directory = this.stateDirectory(id);
    if (existsSync(directory) && (hooked || !existsSync(join(directory, STATE_FILES[this.flavour])))) {
      try {
        const result = await this.run(['delete', '--force', id], undefined, this.#patience.graceMs);
        if (result.code !== 0 && existsSync(directory))
          this.#log.warn(
            { container: id, runtime: this.path, output: result.output },
            'the runtime could not delete a container; its state is removed by hand',
          );
      } catch (error) {
        this.#log.warn(
          { container: id, error: errorMessage(error) },
          'the runtime did not delete a container; its state is removed by hand',
        );
      }
    }
  }

  close(): void {
    if (this.#sealedFd !== undefined) closeSync(this.#sealedFd);
    this.#sealedFd = undefined;
  }
}

// Without a reader (the process died) the open fails with ENXIO, where crun's own start would wait for ever.
function startByWriting(fifo: string): boolean {
  let fd: number;
  try {
    fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === 'ENXIO') return false;
    throw error;
  }
  try {
    // In this order: a daemon that dies in between leaves a container that counts as never started, and is ended. The
    // other way round it would count as running and wait for ever.
    writeSync(fd, '\0');
    unlinkSync(fifo);
    return true;
  } finally {
    closeSync(fd);
  }
}

// runc's process waits in open(2) for a reader, then writes one byte; unread, it would die of SIGPIPE.
async function startByReading(fifo: string, process: WatchedProcess): Promise<boolean> {
  const fd = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const byte = Buffer.alloc(1);
    while (process.alive) {
      try {
        if (readSync(fd, byte) === 1) {
          unlinkSync(fifo);
          return true;
        }
      } catch (error) {
        if (errorCode(error) !== 'EAGAIN') throw error;
      }
      await readableWithin(fd, 20);
    }
    return false;
  } finally {
    closeSync(fd);
  }
}

function readableWithin(fd: number, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      watch.close();
      resolve();
    };
    const watch = new FdWatch(fd, { readable: true }, done);
    const timer = setTimeout(done, timeoutMs);
  });
}
