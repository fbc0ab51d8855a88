/** Names: what is allowed, what is taken (also by a create still under way), and invented ones. */
import { conflict, invalid } from '../../base/errors.ts';
import { NAME_PATTERN } from '../../model/ids.ts';
import type { ContainerTable } from './container-table.ts';

const MOODS =
  'brave bright calm clever eager fair gentle happy keen kind lively lucid merry modest noble patient proud quick quiet steady sunny swift tidy vivid warm wise'.split(
    ' ',
  );
const BRIDGES =
  'alcantara arkadiko brooklyn chengyang clifton coalbrookdale firth forth gateshead golden humber kintaikyo mackinac menai millau oresund pontine rialto sydney tower valentre vasco verrazzano wuxia'.split(
    ' ',
  );

export class NameReservations {
  readonly #table: ContainerTable;
  readonly #pending = new Map<string, string>();

  constructor(table: ContainerTable) {
    this.#table = table;
  }

  /**
   * Takes `name` ('' = an invented one) for container `id`; `release` lets go once the record is saved or given up.
   * @throws invalid for a bad name, conflict for a taken one, in Docker's words.
   */
  reserve(name: string, id: string): { name: string; release: () => void } {
    const wanted = name === '' ? this.#invent() : name.replace(/^\//, '');
    if (!NAME_PATTERN.test(wanted)) {
      throw invalid(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
    }
    const owner = this.#table.byName(wanted)?.id ?? this.#pending.get(wanted);
    if (owner !== undefined && owner !== id) {
      throw conflict(
        `Conflict. The container name "/${wanted}" is already in use by container "${owner}". You have to remove (or rename) that container to be able to reuse that name.`,
      );
    }
    this.#pending.set(wanted, id);
    return { name: wanted, release: () => void this.#pending.delete(wanted) };
  }

  #invent(): string {
    const pick = (words: readonly string[]): string => words[Math.floor(Math.random() * words.length)]!;
    for (let attempt = 0; ; attempt++) {
      const name = `${pick(MOODS)}_${pick(BRIDGES)}${attempt < 6 ? '' : Math.floor(Math.random() * 1_000_000)}`;
      if (!this.#table.byName(name) && !this.#pending.has(name)) return name;
    }
  }
}
