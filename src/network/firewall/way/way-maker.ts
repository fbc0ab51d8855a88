/**
 * Makes way for containers in other firewalls of this host, each by its own means: the engine's accept ends only its
 * own chain, a drop anywhere is final. Nothing is opened by it that the engine's own table has not let through. Rules
 * of nftables that belong to none of these programs are left alone.
 */
import { monotonicMs } from '../../../base/clock.ts';
import { errorMessage, systemError } from '../../../base/errors.ts';
import { KeyedLock } from '../../../base/keyed-lock.ts';
import type { Log } from '../../../base/log.ts';
import { once } from '../../../base/once.ts';
import { within } from '../../../base/within.ts';
import type { RulesetContext } from '../../../kernel/nftables/ruleset.ts';
import type { RulesetReader } from '../../../kernel/nftables/ruleset-reader.ts';
import { isInFile } from '../others/firewalld-files.ts';
import { makeFirewalldWay, ReloadLimit, removeFirewalldWay } from './firewalld-zone.ts';
import { HostPrograms } from '../others/host-program.ts';
import { GivenUpBridges } from './given-up-bridges.ts';
import { hasLegacyTable, type IptablesFamily } from '../others/iptables-program.ts';
import { makeIptablesWay, removeIptablesWay, SettledPlaces } from './iptables-way.ts';

const ANY_BRIDGE = 'br-000000000000'; // of a network that may come: its packets are provided for in advance, as nothing is checked when it does
/** How long a caller waits that has other work. What is not made by then continues in the background. */
const PATIENCE_MS = 3_000;

type Firewalls = 'iptables' | 'firewalld';
type Works = Partial<Record<Firewalls, () => Promise<string[]>>>;

interface WayMakerOptions {
  readonly enabled: boolean;
  /** Of iptables: the engine leaves nothing in the rules of another version. */
  readonly families: readonly IptablesFamily[];
  readonly log: Log;
  readonly context: () => RulesetContext;
  readonly reader: () => RulesetReader;
  /** Where is kept which bridges have to leave the firewalls, also over a restart. */
  readonly givenUpFile: string;
  /** Where packets of containers leave. */
  readonly uplinks: () => readonly string[];
}

export class WayMaker {
  readonly enabled: boolean;
  readonly #log: Log;
  readonly #options: WayMakerOptions;
  readonly #lock = new KeyedLock(); // a hanging firewall does not delay another
  readonly #troubles = new Map<Firewalls, string>();
  readonly #begunMs = new Map<Firewalls, number>();
  readonly #settled = new SettledPlaces();
  readonly #reloads = new ReloadLimit();
  readonly #ending = new AbortController();
  readonly #programs = new HostPrograms(this.#ending.signal);
  readonly #gone: GivenUpBridges;

  constructor(options: WayMakerOptions) {
    this.enabled = options.enabled;
    this.#log = options.log;
    this.#options = options;
    this.#gone = new GivenUpBridges(options.givenUpFile, options.log);
  }

  /** Called when something could not be done: it has to be retried. */
  failed: () => void = () => {};

  /** Whether it is in progress, and has not failed before: what is read meanwhile needs no advice. */
  isMaking(firewall: Firewalls): boolean {
    return this.#begunMs.has(firewall) && !this.#troubles.has(firewall);
  }

  /** What could not be done, in sentences, and what is still being waited for. */
  get troubles(): readonly string[] {
    const late = [...this.#begunMs.keys()].filter(
      (name) => !this.#troubles.has(name) && this.#ageMs(name) >= PATIENCE_MS,
    );
    return [...this.#troubles.values(), ...late.map((name) => `the program of ${name} has not answered yet`)];
  }

  /**
   * Looks at all of them, and makes what is missing. Returns what was done, in words; what fails is logged and kept in
   * `troubles`.
   */
  async follow(bridges: () => readonly string[]): Promise<string[]> {
    if (!this.enabled) return [];
    return this.#run({
      iptables: () =>
        makeIptablesWay(
          this.#reader(),
          this.#programs,
          {
            bridges: [...bridges(), ANY_BRIDGE],
            uplinks: once(this.#options.uplinks),
            families: this.#options.families,
          },
          this.#settled,
        ),
      firewalld: () => makeFirewalldWay(this.#context(), this.#programs, bridges(), this.#reloads, this.#gone),
    });
  }

  /** A network came or went: only firewalld tells bridges apart. Waits a few seconds at most. */
  async followBridges(bridges: () => readonly string[]): Promise<void> {
    if (this.enabled)
      await this.patiently(
        this.#run({
          firewalld: () => makeFirewalldWay(this.#context(), this.#programs, bridges(), this.#reloads, this.#gone),
        }),
      );
  }

  /**
   * A bridge is not the engine's any more. It leaves the firewalls with the next look at them, however long firewalld
   * does not run.
   */
  giveUp(bridge: string): void {
    if (isInFile(bridge)) this.#gone.add(bridge);
  }

  /** Whether there are tables whose changes are not notified. */
  get mustAsk(): boolean {
    return this.enabled && (hasLegacyTable('ip', 'filter') || hasLegacyTable('ip6', 'filter'));
  }

  async remove(options: { readonly permanent: boolean }): Promise<void> {
    await this.#run({
      iptables: () => removeIptablesWay(this.#reader(), this.#programs),
      ...(options.permanent ? { firewalld: () => removeFirewalldWay(this.#context(), this.#programs) } : {}),
    });
  }

  /** Waits a few seconds at most for what is in progress and then ends it; nothing new is begun. */
  async close(): Promise<void> {
    const settled = () => Promise.all([...this.#begunMs.keys()].map((name) => this.#lock.run(name, async () => {})));
    await this.patiently(settled());
    this.#ending.abort();
    await settled();
  }

  /** Waits for what this one has begun, but not for a program that does not answer, and not again for the same. */
  async patiently(work: Promise<unknown>): Promise<void> {
    const oldestMs = Math.max(0, ...[...this.#begunMs.keys()].map((name) => this.#ageMs(name)));
    await within(work, Math.max(0, PATIENCE_MS - oldestMs));
  }

  #ageMs(name: Firewalls): number {
    return monotonicMs() - (this.#begunMs.get(name) ?? monotonicMs());
  }

  #context(): RulesetContext {
    return this.#opened().context();
  }

  #reader(): RulesetReader {
    return this.#opened().reader();
  }

  #opened(): WayMakerOptions {
    if (this.#ending.signal.aborted) throw systemError('the daemon is ending');
    return this.#options;
  }

  async #run(works: Works): Promise<string[]> {
    const entries = Object.entries(works) as [Firewalls, () => Promise<string[]>][];
    return (
      await Promise.all(entries.map(([name, work]) => this.#lock.run(name, () => this.#attempt(name, work))))
    ).flat();
  }

  async #attempt(name: Firewalls, work: () => Promise<string[]>): Promise<string[]> {
    this.#begunMs.set(name, monotonicMs());
    try {
      const done = await work();
      this.#troubles.delete(name);
      for (const text of done) this.#log.info({}, text);
      return done;
    } catch (error) {
      if (!this.#ending.signal.aborted) this.#fail(name, errorMessage(error));
      return [];
    } finally {
      this.#begunMs.delete(name);
    }
  }

  #fail(name: Firewalls, text: string): void {
    if (this.#troubles.get(name) !== text)
      this.#log.warn(
        { firewall: name, error: text },
        'no way for containers could be made in another firewall of this host',
      );
    this.#troubles.set(name, text);
    this.failed();
  }
}
