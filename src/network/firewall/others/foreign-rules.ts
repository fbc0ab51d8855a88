/**
 * What other firewalls do to packets of containers, as last determined: their rules may be many, so they are read again
 * only after notifications of rules or networks, once for all concurrent callers.
 */
import { foreignDrops, type ForeignFindings, type ProbedNetwork } from './foreign-chains.ts';
import { readLegacyTables, type LegacyTable } from './foreign-filters.ts';
import type { RuleSource } from '../../../kernel/nftables/ruleset-reader.ts';

export interface ForeignQuestion {
  readonly networks: readonly ProbedNetwork[];
  readonly marked: boolean;
}

interface Answer {
  readonly epoch: number;
  readonly question: string;
  readonly findings: Promise<ForeignFindings>;
}

export class ForeignRules {
  readonly #reader: () => RuleSource;
  readonly #question: () => ForeignQuestion;
  #epoch = 0;
  #answer: Answer | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<ForeignFindings> | undefined;

  constructor(reader: () => RuleSource, question: () => ForeignQuestion) {
    this.#reader = reader;
    this.#question = question;
  }

  /** Another program changed a rule, or may have. */
  changed(): void {
    this.#epoch++;
  }

  /** Makes sure that all notifications so far are delivered; without a listener, no earlier result counts. */
  catchUp: () => void = () => this.changed();

  /** Concurrent callers share an answer that was begun after they asked. */
  async ask(): Promise<ForeignFindings> {
    this.catchUp();
    return (this.#next ??= this.#afterRunning());
  }

  async #afterRunning(): Promise<ForeignFindings> {
    await this.#running;
    this.#next = undefined;
    const findings = this.#findings();
    this.#running = findings.catch(() => {});
    return findings;
  }

  async #findings(): Promise<ForeignFindings> {
    const epoch = this.#epoch;
    // Changes in legacy iptables tables are not notified, so these are polled; most hosts have none.
    const legacy = await readLegacyTables();
    const question = this.#question();
    const asked = JSON.stringify([question, legacy.map(nameOf)]);
    if (this.#answer?.epoch !== epoch || this.#answer.question !== asked) {
      this.#answer = {
        epoch,
        question: asked,
        findings: foreignDrops(this.#reader(), question.networks, { ...question, legacy }),
      };
      this.#answer.findings.catch(() => (this.#answer = undefined));
    }
    return this.#answer.findings;
  }
}

const nameOf = ({ family, table, listed }: LegacyTable): string =>
  `${family} ${table} ${listed instanceof Error ? listed.message : listed.text}`;
