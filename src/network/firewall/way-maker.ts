/**
 * Makes way for containers in other firewalls of this host, each by its own means: our accept ends nothing but our own chain, a drop anywhere is final.
 * Nothing is opened by it that our own table has not let through. Rules of nftables that are none of these programs' are left alone.
 */
import { errorMessage } from '../../base/errors.ts';
import { KeyedLock } from '../../base/keyed-lock.ts';
import type { Log } from '../../base/log.ts';
import type { RulesetContext } from '../../kernel/nftables/ruleset.ts';
import type { RulesetReader } from '../../kernel/nftables/ruleset-reader.ts';
import { makeFirewalldWay, removeFirewalldWay } from './firewalld-zone.ts';
import { hasLegacyTable, makeIptablesWay, removeIptablesWay } from './iptables-way.ts';

const ANY_BRIDGE = 'br-000000000000'; // of a network that may come: its packets are thought of before, as nothing is asked when it does

export class WayMaker {
  readonly enabled: boolean;
  readonly #log: Log;
  readonly #context: () => RulesetContext;
  readonly #reader: () => RulesetReader;
  readonly #uplinks: () => readonly string[];
  readonly #lock = new KeyedLock();
  readonly #troubles = new Map<string, string>();

  /** `uplinks`: where packets of containers leave. */
  constructor(options: { enabled: boolean; log: Log; context: () => RulesetContext; reader: () => RulesetReader; uplinks: () => readonly string[] }) {
    this.enabled = options.enabled;
    this.#log = options.log;
    this.#context = options.context;
    this.#reader = options.reader;
    this.#uplinks = options.uplinks;
  }

  /** What could not be done, in sentences. */
  get troubles(): readonly string[] {
    return [...this.#troubles.values()];
  }

  /** Looks at all of them, and makes what is missing. Returns what was done, in words; what fails is logged and kept in `troubles`. */
  async follow(bridges: () => readonly string[]): Promise<string[]> {
    if (!this.enabled) return [];
    return this.#run({ iptables: () => makeIptablesWay(this.#reader(), { bridges: [...bridges(), ANY_BRIDGE], uplinks: this.#uplinks() }), firewalld: () => makeFirewalldWay(this.#context(), bridges()) });
  }

  /** A network came or went: only firewalld tells bridges apart. */
  async followBridges(bridges: () => readonly string[], gone: readonly string[] = []): Promise<void> {
    if (this.enabled) await this.#run({ firewalld: () => makeFirewalldWay(this.#context(), bridges(), gone) });
  }

  /** Whether there are tables whose changes nobody tells of. */
  get mustAsk(): boolean {
    return this.enabled && (hasLegacyTable('ip', 'filter') || hasLegacyTable('ip6', 'filter'));
  }

  async remove(options: { readonly permanent: boolean }): Promise<void> {
    await this.#run({ iptables: () => removeIptablesWay(this.#reader()), ...(options.permanent ? { firewalld: () => removeFirewalldWay(this.#context()) } : {}) });
  }

  /** Resolves when nothing is under way any more. */
  async settle(): Promise<void> {
    await this.#lock.run('', async () => {});
  }

  #run(works: Readonly<Record<string, () => Promise<string[]>>>): Promise<string[]> {
    return this.#lock.run('', async () => {
      const done: string[] = [];
      for (const [name, work] of Object.entries(works)) {
        try {
          done.push(...(await work()));
          this.#troubles.delete(name);
        } catch (error) {
          const text = errorMessage(error);
          if (this.#troubles.get(name) !== text) this.#log.warn({ firewall: name, error: text }, 'no way for containers could be made in another firewall of this host');
          this.#troubles.set(name, text);
        }
      }
      for (const text of done) this.#log.info({}, text);
      return done;
    });
  }
}
