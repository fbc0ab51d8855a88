/** The firewall table and what was forwarded without it. */
import { errorMessage } from '../../../base/errors.ts';
import { desiredElements } from '../../plan/firewall-facts.ts';
import type { NetworkCore } from '../core.ts';
import { forgetUntranslated, keepAlive } from '../untranslated-flows.ts';
import type { RepairReport } from './report.ts';

const TABLE_WRITTEN = 'the firewall table was damaged or gone and is written anew';

export type RuleNeeds = Pick<NetworkCore, 'busy' | 'firewall' | 'log' | 'policy' | 'route' | 'table'>;

export class RuleRepair {
  readonly #needs: RuleNeeds;
  readonly #report: RepairReport;

  constructor(needs: RuleNeeds, report: RepairReport) {
    this.#needs = needs;
    this.#report = report;
  }

  check(): void {
    const { firewall, table, policy } = this.#needs;
    const done = firewall.install(desiredElements(table, policy));
    if (done === 'written') this.#written();
    if (done === 'corrected')
      this.#report.repaired(undefined, 'elements of the firewall table were changed and are put back');
  }

  /** Without the engine's table nothing is forwarded or isolated: it is written at once, and checked closely later. */
  putTableBack(): void {
    const { firewall, table, policy } = this.#needs;
    if (firewall.putBack(() => desiredElements(table, policy))) this.#written();
  }

  /** At once, as a program that writes a rule may flush all of them in the next moment. */
  rememberUserRules(): void {
    try {
      this.#needs.firewall.rememberUserRules();
    } catch (error) {
      this.#needs.log.warn({ error: errorMessage(error) }, "the user's rules cannot be read");
    }
  }

  /** What would be restored is made ready; false: not now, as something is being changed. */
  prepare(): boolean {
    const { busy, firewall, policy, table } = this.#needs;
    if (busy.any) return false;
    firewall.prepare(desiredElements(table, policy));
    return true;
  }

  #written(): void {
    forgetUntranslated(this.#needs);
    void keepAlive(this.#needs);
    this.#report.repaired(undefined, TABLE_WRITTEN);
  }
}
