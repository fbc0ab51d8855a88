/**
 * Listens to what other programs change: the kernel notifies of links, addresses, forwarding and the ruleset. Collects
 * what is suspect, and has it checked when it has been quiet for a moment. What is lost at once without the engine's
 * table is told at once.
 */
import { errorMessage } from '../../../base/errors.ts';
import { RouteMonitor, type RouteNews } from '../../../kernel/netlink/route-monitor.ts';
import { RulesetMonitor, type RulesetNews } from '../../../kernel/nftables/monitor.ts';
import type { NetworkCore } from '../core.ts';
import { Suspects, suspicionOf, verdictOn, type Known, type Suspicion } from './suspects.ts';

// Long enough for a reload of another firewall to be over, short enough to go unnoticed.
const QUIET_MS = 30;
export const RETRY_MS = 500;
const PREPARE_MS = 300;
const LEGACY_LOOK_MS = 5_000; // changes in legacy iptables tables are not notified
const WAY_RETRY_MS = 1_000; // then twice as long each time
const WAY_RETRY_MAX_MS = 300_000;

/** Who acts on what is seen. */
export interface Responses {
  check(suspects: Suspects): Promise<void>;
  putTableBack(): void;
  rememberUserRules(): void;
  /** What would be restored is made ready; false: not now, as something is being changed. */
  prepare(): boolean;
  /** The host has got that address. */
  hostAddress(address: string): void;
}

export type WatchNeeds = Pick<NetworkCore, 'firewall' | 'foreignRules' | 'log' | 'table' | 'way'> & {
  readonly otherBridges: { readonly count: boolean };
};

export class Watcher {
  readonly #needs: WatchNeeds;
  readonly #responses: Responses;
  readonly #routes: RouteMonitor;
  readonly #ruleset: RulesetMonitor;
  readonly #legacyLook: NodeJS.Timeout;
  readonly #known: Known;
  #timer: NodeJS.Timeout | undefined;
  #wayLater: NodeJS.Timeout | undefined;
  #wayRetryMs = WAY_RETRY_MS;
  #preparing: NodeJS.Timeout | undefined;
  #suspects = new Suspects();
  #closed = false;

  constructor(needs: WatchNeeds, responses: Responses) {
    this.#needs = needs;
    this.#responses = responses;
    this.#known = { table: needs.table, othersCount: needs.otherBridges.count };
    this.#routes = RouteMonitor.open({
      topics: ['link', 'address', 'forwarding'],
      listener: (news) => this.#onRoutes(news),
    });
    this.#ruleset = RulesetMonitor.open({ listener: (news) => this.#onRuleset(news) });
    needs.firewall.doubted = () => this.suspect({ rules: true }, RETRY_MS);
    needs.way.failed = () => this.#wayFailed();
    if (needs.way.troubles.length > 0) this.#wayFailed(); // at the start
    needs.foreignRules.catchUp = () => this.#ruleset.catchUp();
    this.prepareSoon();
    this.#legacyLook = setInterval(() => this.#lookAtLegacy(), LEGACY_LOOK_MS).unref();
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    const { foreignRules } = this.#needs;
    this.#closed = true;
    foreignRules.catchUp = () => foreignRules.changed();
    clearInterval(this.#legacyLook);
    clearTimeout(this.#wayLater);
    clearTimeout(this.#timer);
    clearTimeout(this.#preparing);
    this.#routes.close();
    this.#ruleset.close();
  }

  /** To be checked after `delayMs`, or with what is waiting already. */
  suspect(suspicion: Suspicion, delayMs = QUIET_MS): void {
    this.#suspects.add(suspicion);
    if (this.#closed || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#check();
    }, delayMs).unref();
  }

  /** Once no more of the engine's own changes come, what would be restored is prepared. */
  prepareSoon(): void {
    if (this.#closed) return;
    if (this.#preparing) return void this.#preparing.refresh();
    this.#preparing = setTimeout(() => {
      this.#preparing = undefined;
      if (!this.#responses.prepare()) this.prepareSoon();
    }, PREPARE_MS).unref();
  }

  lookAtWayLater(delayMs: number): void {
    if (this.#closed || this.#wayLater) return;
    this.#wayLater = setTimeout(() => {
      this.#wayLater = undefined;
      this.suspect({ way: true });
    }, delayMs).unref();
  }

  /** The next failure is the first again. */
  wayWorks(): void {
    this.#wayRetryMs = WAY_RETRY_MS;
  }

  /** There may never be a notification that the obstacle is gone. */
  #wayFailed(): void {
    this.lookAtWayLater(this.#wayRetryMs);
    this.#wayRetryMs = Math.min(2 * this.#wayRetryMs, WAY_RETRY_MAX_MS);
  }

  #lookAtLegacy(): void {
    if (this.#needs.way.mustAsk) this.suspect({ way: true });
  }

  async #check(): Promise<void> {
    const suspects = this.#suspects;
    this.#suspects = new Suspects();
    try {
      await this.#responses.check(suspects);
    } catch (error) {
      if (this.#closed) return;
      this.#needs.log.error({ error: errorMessage(error) }, 'repairing the network');
      this.suspect(suspects, RETRY_MS);
    }
  }

  #onRuleset(news: RulesetNews | 'overrun'): void {
    const verdict = verdictOn(news);
    if (verdict === 'own') return this.prepareSoon();
    this.#needs.foreignRules.changed();
    // At once: without the engine's table nothing is isolated, and a program that writes a rule of the user's may flush
    // all of them in the next moment.
    if (verdict === 'table lost') this.#responses.putTableBack();
    if (verdict === 'user rules') this.#responses.rememberUserRules();
    this.suspect({ rules: true });
  }

  #onRoutes(news: readonly RouteNews[]): void {
    for (const item of news) {
      const suspicion = suspicionOf(item, this.#known);
      if (suspicion) this.suspect(suspicion);
      if (item.type === 'address' && !item.removed) this.#responses.hostAddress(item.address.address);
    }
  }
}
