/**
 * A lease (fcntl F_SETLEASE) on a file, as a process in a container takes it that does not react when somebody wants
 * the file: the kernel has openers wait, 45 s by default.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

// F_SETLEASE, F_WRLCK; the signal by which the kernel asks for the file is ignored.
const HOLDER = `$SIG{IO} = "IGNORE"; $| = 1; open(my $f, "+<", $ARGV[0]) or die "open $ARGV[0]: $!"; fcntl($f, 1024, 1) or die "lease on $ARGV[0]: $!"; print "held\\n"; <STDIN>;`;

export class Lease {
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  /** `path`: as this process sees it, or in the mount namespace of the process `inside`. */
  static async take(path: string, inside?: number): Promise<Lease> {
    const holder = spawn('perl', ['-e', HOLDER, inside === undefined ? path : `/proc/${inside}/root${path}`], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let complaint = '';
    holder.stderr.on('data', (data: Buffer) => (complaint += data.toString()));
    const ended = once(holder, 'close').then(() => Promise.reject(new Error(complaint || 'the lease was not taken')));
    await Promise.race([once(holder.stdout, 'data'), ended]);
    ended.catch(() => {});
    return new Lease(holder);
  }

  /** Somebody has opened the file and waits, or comes again. */
  get isBeingBroken(): boolean {
    return new RegExp(`LEASE +BREAKING +\\w+ +${this.#holder.pid} `).test(readFileSync('/proc/locks', 'latin1'));
  }

  /** Resolves when nobody has the file open any more. */
  async end(): Promise<void> {
    if (this.#holder.exitCode !== null || this.#holder.signalCode !== null) return;
    const ended = once(this.#holder, 'close');
    this.#holder.kill('SIGKILL');
    await ended;
  }
}
