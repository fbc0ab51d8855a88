/** The way through other firewalls. It goes on by itself: it waits for programs of others. */
import { bridgesOf, type NetworkCore } from '../core.ts';
import { RepairLimit } from './decisions.ts';
import type { RepairReport } from './report.ts';
import { RETRY_MS, type Watcher } from './watcher.ts';

type WayNeeds = Pick<NetworkCore, 'log' | 'table' | 'way'>;

export class WayRepair {
  readonly #needs: WayNeeds;
  readonly #report: RepairReport;
  readonly #limit: RepairLimit;
  #underWay = false;
  #heldBack = false;

  constructor(needs: WayNeeds, report: RepairReport, limit: RepairLimit) {
    this.#needs = needs;
    this.#report = report;
    this.#limit = limit;
  }

  check(watcher: Pick<Watcher, 'closed' | 'lookAtWayLater' | 'wayWorks'>): void {
    // What came meanwhile is looked at when that is over.
    if (this.#underWay) return watcher.lookAtWayLater(RETRY_MS);
    const waitMs = this.#limit.waitMs('way');
    if (waitMs > 0) {
      this.#sayHeldBack();
      return watcher.lookAtWayLater(waitMs);
    }
    this.#heldBack = false;
    this.#underWay = true;
    void this.#follow(watcher).finally(() => (this.#underWay = false));
  }

  async #follow(watcher: Pick<Watcher, 'closed' | 'wayWorks'>): Promise<void> {
    const { way } = this.#needs;
    const done = await way.follow(() => bridgesOf(this.#needs));
    if (way.troubles.length === 0) watcher.wayWorks();
    if (watcher.closed) return;
    if (done.length > 0) this.#limit.take('way');
    for (const what of done) this.#report.repaired(undefined, what);
  }

  #sayHeldBack(): void {
    if (!this.#heldBack)
      this.#needs.log.warn(
        { perMinute: RepairLimit.perMinute },
        'the way for containers in another firewall of this host is taken away again and again: it is put back more slowly',
      );
    this.#heldBack = true;
  }
}
