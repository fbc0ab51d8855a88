/**
 * The daemon's hold on the resolver process. It finds the one that serves already (it outlives daemons) or starts one,
 * starts another when it dies, and feeds every new one the whole state: callers only report what changed, once.
 *
 * `apply` resolves when the resolver answers by the change, also when the process had to be replaced meanwhile, and
 * rejects if a change of its own could not be made there or no resolver can be had. `settle` marks the restore as
 * complete: what the resolver still knows from an earlier daemon, and this one does not, is dropped then.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, errorMessage, systemError, unavailable } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { ControlClient } from '../dns/control-client.ts';
import { CONTROL_PROTOCOL, type ApplyResult, type ResolverIdentity } from '../dns/control-protocol.ts';
import type { QueryListener } from '../dns/query-log.ts';
import type { ChangeFailure, ResolverDump } from '../dns/resolver.ts';
import { patchZone, type NetworkZone, type ResolverChange, type SandboxView } from '../base/dns-zone.ts';
import { isKernelError } from '../kernel/errors.ts';
import { kill, processesWritingTo, processState } from '../kernel/process.ts';
import { HeldSockets } from './held-sockets.ts';
import { RESOLVER_FLAGS, resolverEnvironment } from './process-settings.ts';

export interface ResolverProcessOptions {
  /** The resolver's program: dist/dns.mjs, or src/daemon/dns-main.ts while developing. */
  readonly program: string;
  readonly execRoot: string;
  readonly log: Log;
  /**
   * Of this build. A resolver of another build is replaced by one of this, without losing a query. Absent: any is kept.
   */
  readonly version?: string;
  /** How long the process may take to answer before it counts as hung and is replaced. */
  readonly answerTimeoutMs?: number;
  /** After how long without containers and without a daemon the process ends by itself. */
  readonly idleMs?: number;
}

const START_TIMEOUT_MS = 60_000; // a machine that starts everything at once may take that long
const ANSWER_TIMEOUT_MS = 5_000;
const APPLY_TIMEOUT_MS = 15_000;
/** A process that lived shorter than this died early. */
const HEALTHY_AFTER_MS = 1_000;
const MAX_PAUSE_MS = 2_000;
const SIGKILL = 9;

export class ResolverProcess {
  readonly #options: ResolverProcessOptions;
  readonly #log: Log;
  readonly #socketPath: string;
  readonly #answerTimeoutMs: number;
  readonly #zones = new Map<string, NetworkZone>();
  readonly #views = new Map<string, SandboxView>();
  #settled = false;
  #mayHold = true;
  #earlyDeaths = 0;
  #closed = false;
  #client: ControlClient | undefined;
  #pid = 0;
  /** Resolves to a client that has the whole state; replaced whenever the connection is lost. */
  #connection: Promise<ControlClient> | undefined;
  #failures = new Map<string, string>();
  readonly #held = new HeldSockets();

  constructor(options: ResolverProcessOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#answerTimeoutMs = options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS;
    this.#socketPath = join(options.execRoot, 'dns.sock');
  }

  /** The resolver's process, 0 while there is none. */
  get pid(): number {
    return this.#pid;
  }

  /** Finds or starts the process. Rejects if it cannot be started. */
  async start(): Promise<void> {
    mkdirSync(this.#options.execRoot, { recursive: true, mode: 0o711 });
    await this.#connected(START_TIMEOUT_MS);
  }

  async apply(changes: readonly ResolverChange[]): Promise<void> {
    if (changes.length === 0) return;
    for (const change of changes) this.#remember(change);
    const failures = await this.#send(changes);
    if (failures.length === 0) return;
    throw systemError(
      `embedded DNS: ${failures.map(({ op, id, message }) => `${op} ${id.slice(0, 12)}: ${message}`).join('; ')}`,
    );
  }

  /** Everything has been sent: the resolver forgets what was not named. */
  async settle(): Promise<void> {
    this.#settled = true;
    const client = await this.#connected(APPLY_TIMEOUT_MS);
    try {
      const result = await client.request({ op: 'replace-all', changes: this.#everything() }, this.#answerTimeoutMs);
      this.#hold(client, result);
      this.#report(result.failures);
    } catch (error) {
      if (this.#closed) throw error;
      this.#replaceSilent(client);
      await this.#connected(APPLY_TIMEOUT_MS); // the next process has been sent everything, since this is settled
    }
  }

  /** What the resolver would answer, and to which client. */
  async dump(filter: { network?: string; sandbox?: string } = {}): Promise<ResolverDump> {
    return (await this.#connected(APPLY_TIMEOUT_MS)).request({ op: 'dump', ...filter });
  }

  /**
   * Shows a container's questions as they are answered; returns how to stop. `ended`: the process went away by itself.
   */
  async followQueries(sandbox: string, listener: QueryListener, ended: () => void = () => {}): Promise<() => void> {
    const client = await ControlClient.connect(this.#socketPath);
    client.onQuery(listener);
    await client.request({ op: 'follow', sandbox });
    let stopped = false;
    void client.closed.then(() => {
      if (!stopped) ended();
    });
    return () => {
      stopped = true;
      client.close();
    };
  }

  /**
   * Nothing of a container is known to it. A daemon that does not get as far as its containers cannot tell otherwise.
   */
  async servesNobody(): Promise<boolean> {
    try {
      const client = this.#client ?? (await ControlClient.connect(this.#socketPath));
      const { sandboxes } = await client.request({ op: 'dump' }, this.#answerTimeoutMs);
      return sandboxes.length === 0;
    } catch {
      return false; // none is there, or it does not tell
    }
  }

  /** Lets go of the process; with `quit` it ends, and this resolves when it has. Without, it serves on. */
  async close(options: { quit?: boolean } = {}): Promise<void> {
    this.#closed = true;
    this.#held.releaseAll();
    if (options.quit) await this.#quit();
    this.#client?.close();
  }

  async #quit(): Promise<void> {
    let client = this.#client;
    try {
      client ??= await ControlClient.connect(this.#socketPath);
    } catch {
      return; // there is none
    }
    try {
      await client.request({ op: 'quit' }, this.#answerTimeoutMs);
      await Promise.race([client.closed, sleep(this.#answerTimeoutMs, undefined, { ref: false })]);
      rmSync(join(this.#options.execRoot, 'dns.log'), { force: true });
    } catch (error) {
      this.#log.warn({ error: errorMessage(error) }, 'the resolver did not end as asked');
    }
  }

  #report(failures: readonly ChangeFailure[]): void {
    this.#failures = new Map(failures.map(({ id, message }) => [id, message]));
    for (const failure of failures) this.#log.warn(failure, 'the resolver cannot serve');
  }

  #remember(change: ResolverChange): void {
    if (change.op === 'put-network') this.#zones.set(change.zone.id, change.zone);
    else if (change.op === 'patch-network') {
      const zone = this.#zones.get(change.patch.id);
      if (zone) patchZone(zone, change.patch);
    } else if (change.op === 'remove-network') this.#zones.delete(change.id);
    else if (change.op === 'put-sandbox') this.#views.set(change.view.id, change.view);
    else {
      this.#held.release(change.id);
      this.#views.delete(change.id);
    }
  }

  #everything(): ResolverChange[] {
    return [
      ...[...this.#zones.values()].map((zone) => ({ op: 'put-network', zone }) as const),
      ...[...this.#views.values()].map((view) => ({ op: 'put-sandbox', view }) as const),
    ];
  }

  /** Sends to the process that is there; if it dies before it answers, the next one has been sent everything anyway. */
  async #send(changes: readonly ResolverChange[]): Promise<readonly ChangeFailure[]> {
    const connected = this.#client;
    if (connected) {
      try {
        const result = await connected.request({ op: 'apply', changes }, this.#answerTimeoutMs);
        this.#hold(connected, result);
        return result.failures;
      } catch (error) {
        if (this.#closed) throw error;
        this.#replaceSilent(connected);
      }
    }
    await this.#connected(APPLY_TIMEOUT_MS);
    return changes.flatMap((change): ChangeFailure[] => {
      if (change.op !== 'put-sandbox') return [];
      const message = this.#failures.get(change.view.id);
      return message === undefined ? [] : [{ op: change.op, id: change.view.id, message }];
    });
  }

  /** A process that does not answer is useless: it is killed, and its end starts the next one. */
  #replaceSilent(client: ControlClient): void {
    if (client.ended) return;
    this.#log.error({ pid: this.#pid }, 'the resolver does not answer and is replaced');
    try {
      if (this.#pid > 0) process.kill(this.#pid, 'SIGKILL');
    } catch {
      // Gone already.
    }
    client.close();
  }

  async #connected(timeoutMs: number): Promise<ControlClient> {
    const controller = new AbortController();
    const late = sleep(timeoutMs, undefined, { ref: false, signal: controller.signal }).then(() => {
      throw unavailable(`no resolver process within ${timeoutMs} ms`);
    });
    try {
      return await Promise.race([this.#livingClient(), late]);
    } finally {
      late.catch(() => {});
      controller.abort();
    }
  }

  async #livingClient(): Promise<ControlClient> {
    for (;;) {
      if (this.#closed) throw unavailable('the resolver is shut down');
      this.#connection ??= this.#establish();
      const client = await this.#connection;
      if (!client.ended) return client;
      await client.closed; // by then there is another connection to wait for
    }
  }

  /** Tries until there is a process that has everything. Never rejects while the link is open. */
  async #establish(): Promise<ControlClient> {
    for (let attempt = 0; ; attempt++) {
      if (this.#closed) throw unavailable('the resolver is shut down');
      try {
        const client = await this.#findOrSpawn();
        const since = performance.now();
        this.#watch(client, since);
        return client;
      } catch (error) {
        this.#log.error({ error: errorMessage(error) }, 'cannot reach a resolver process');
        await sleep(Math.min(50 * 2 ** attempt, MAX_PAUSE_MS));
      }
    }
  }

  #watch(client: ControlClient, since: number): void {
    void client.closed.then(async () => {
      if (this.#client === client) {
        this.#client = undefined;
        this.#pid = 0;
      }
      if (this.#closed) return;
      this.#log.warn({}, 'the resolver process has ended; starting another');
      this.#earlyDeaths = performance.now() - since < HEALTHY_AFTER_MS ? this.#earlyDeaths + 1 : 0;
      // The first is replaced at once; one after the other is a fault that no hurry cures.
      const pauseMs = this.#earlyDeaths < 2 ? 0 : Math.min(25 * 2 ** this.#earlyDeaths, MAX_PAUSE_MS);
      this.#connection = pauseMs === 0 ? this.#establish() : sleep(pauseMs).then(() => this.#establish());
      this.#connection.catch(() => {}); // only when the link is closed meanwhile
    });
  }

  async #findOrSpawn(): Promise<ControlClient> {
    let client = await this.#adopt();
    if (!client) {
      let ended = false;
      this.#spawn([], () => (ended = true));
      client = await this.#waitForSocket(() => ended);
    }
    const identity = await client.request({ op: 'attach', role: 'daemon' }, this.#answerTimeoutMs);
    const fresh = identity.networks + identity.sandboxes === 0;
    // One that serves already is told what the daemon knows and keeps the rest, until `settle`.
    const op = fresh || this.#settled ? 'replace-all' : 'apply';
    if (fresh) await this.#passIdentity(client, identity);
    const result = await client.request({ op, changes: this.#everything() }, this.#answerTimeoutMs);
    this.#report(result.failures);
    this.#client = client;
    this.#pid = identity.pid;
    this.#hold(client, result);
    return client;
  }

  /**
   * A new process goes on with the sockets of the one that died. If it cannot, it and they are given up, and all starts
   * again.
   */
  async #passIdentity(client: ControlClient, identity: ResolverIdentity): Promise<void> {
    const state = this.#held.handOver(this.#zones.values(), this.#views);
    if (state === undefined) return;
    try {
      await client.request({ op: 'inherit', state }, this.#answerTimeoutMs);
    } catch (error) {
      this.#held.releaseAll();
      client.close();
      process.kill(identity.pid, 'SIGKILL');
      throw error;
    }
  }

  /**
   * Copies the sockets that are new. Without them a resolver that dies costs some queries, so it is no reason to fail.
   */
  #hold(client: ControlClient, result: ApplyResult): void {
    if (this.#closed || this.#client !== client || !this.#mayHold) return;
    const wanted = Object.entries(result.sockets).filter(([id]) => this.#views.has(id)); // removed while waiting: not again
    try {
      this.#held.take(this.#pid, Object.fromEntries(wanted));
    } catch (error) {
      if (client.ended || isKernelError(error, 'ESRCH', 'EBADF')) return; // it died meanwhile, or has other sockets by now
      this.#mayHold = false;
      this.#log.warn({ error: errorMessage(error) }, "cannot keep copies of the resolver's sockets");
    }
  }

  /** The resolver that is there, unless it speaks another protocol: that one is asked to quit. */
  async #adopt(): Promise<ControlClient | undefined> {
    let client: ControlClient;
    try {
      client = await ControlClient.connect(this.#socketPath);
    } catch (error) {
      // So many wait for it to accept that no more are let in.
      if (errorCode(error) === 'EAGAIN') await this.#endSilent();
      return undefined;
    }
    let identity: ResolverIdentity;
    try {
      identity = await client.request({ op: 'hello' }, this.#answerTimeoutMs);
    } catch {
      client.close();
      await this.#endSilent();
      return undefined;
    }
    const { version } = this.#options;
    if (identity.protocol === CONTROL_PROTOCOL) {
      if (version === undefined || version === identity.version) return client;
      const next = await this.#takeOver(identity);
      if (next === undefined) return client;
      client.close();
      return next;
    }
    this.#log.info({ pid: identity.pid, protocol: identity.protocol }, 'replacing a resolver of another version');
    await client.request({ op: 'quit' }, this.#answerTimeoutMs);
    await client.closed;
    return undefined;
  }

  /** One of an earlier daemon that is stopped or stuck: its pid is not known, but the file that it logs to is. */
  async #endSilent(): Promise<void> {
    for (const pid of processesWritingTo(join(this.#options.execRoot, 'dns.log'), 'causeway-dns')) {
      this.#log.error({ pid, state: processState(pid) }, 'the resolver that is there does not answer and is replaced');
      kill(pid, SIGKILL);
      for (
        const end = performance.now() + this.#answerTimeoutMs;
        processState(pid) !== undefined && performance.now() < end;
      )
        await sleep(5);
    }
  }

  /**
   * A process of this build goes on with the sockets of the old one: no query is lost. Undefined: the old one serves
   * on.
   */
  async #takeOver(old: ResolverIdentity): Promise<ControlClient | undefined> {
    this.#log.info({ pid: old.pid, version: old.version }, 'a resolver of this version takes over');
    let failed = false;
    this.#spawn(['--take-over'], () => (failed = true));
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (!failed && performance.now() < deadline) {
      try {
        const client = await ControlClient.connect(this.#socketPath);
        if ((await client.request({ op: 'hello' }, this.#answerTimeoutMs)).pid !== old.pid) return client;
        client.close();
      } catch {
        // Between the two.
      }
      await sleep(10);
    }
    this.#log.warn({ pid: old.pid }, 'no resolver of this version could take over; the old one serves on');
    return undefined;
  }

  #spawn(more: readonly string[] = [], ended: () => void = () => {}): void {
    const { program, execRoot, version, idleMs } = this.#options;
    // While developing the program is TypeScript, which Node needs a loader for.
    const loader = program.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : [];
    const logFd = openSync(join(execRoot, 'dns.log'), 'a', 0o600);
    try {
      const child = spawn(
        process.execPath,
        [
          ...RESOLVER_FLAGS,
          ...loader,
          program,
          '--socket',
          this.#socketPath,
          ...optional('--version', version),
          ...optional('--idle-ms', idleMs),
          ...more,
        ],
        { detached: true, cwd: '/', env: resolverEnvironment(), stdio: ['ignore', logFd, logFd] },
      );
      child.on('error', (error) => this.#log.error({ error: error.message }, 'cannot start the resolver'));
      child.on('exit', ended);
      child.unref();
    } finally {
      closeSync(logFd);
    }
  }

  /** One that is slow to start is waited for; another takes the place of one that has ended. */
  async #waitForSocket(hasEnded: () => boolean): Promise<ControlClient> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      const last = hasEnded();
      try {
        return await ControlClient.connect(this.#socketPath);
      } catch (error) {
        if (last)
          throw unavailable(`the resolver process ended at once: ${join(this.#options.execRoot, 'dns.log')} says why`);
        if (performance.now() > deadline) throw error;
        await sleep(5);
      }
    }
  }
}

function optional(flag: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [flag, String(value)];
}
