/**
 * What a name had to answer at any moment, from the times of the API's replies alone: while an operation is in flight
 * the old and the new count, before it and after it only one of them. Times are milliseconds of the monotonic clock,
 * which all processes of the machine share.
 */
export interface Addresses {
  readonly a: string; // '' while it does not run
  readonly aaaa: string;
}

export interface Attachment extends Addresses {
  /** Lower case; the first is what an address resolves back to. */
  readonly names: readonly string[];
}

export interface ContainerState {
  readonly name: string;
  readonly hostname: string;
  readonly networks: Readonly<Record<string, Attachment>>;
}

/** 'any': an operation that a dying daemon cut off; what it did meanwhile nobody was told. */
type Value<T> = T | 'any';

/** What is known of a container in such a state: the names that it may have. */
interface Doubt {
  readonly from: number;
  readonly until: number;
  readonly names: readonly string[];
}

interface Span<T> {
  readonly from: number;
  until: number;
  readonly value: Value<T>;
  /** What led to it. */
  readonly after?: string;
}

export class Timeline {
  readonly spans: Span<ContainerState>[];
  readonly doubts: Doubt[] = [];

  constructor(state: ContainerState, from: number) {
    this.spans = [{ from, until: Infinity, value: state }];
  }

  get state(): ContainerState {
    return this.spans.at(-1)!.value as ContainerState;
  }

  /** An operation from `from` until its reply at `until`; `between` are states that it may pass through. */
  change(
    after: string,
    from: number,
    until: number,
    state: ContainerState,
    between: readonly Value<ContainerState>[] = [],
  ): void {
    this.spans.at(-1)!.until = until;
    for (const value of between) this.spans.push({ from, until, value, after });
    this.spans.push({ from, until: Infinity, value: state, after });
  }

  /** The operation was cut off; `names` are all that the container had, or was to have. */
  cutOff(after: string, from: number, until: number, state: ContainerState, names: readonly string[]): void {
    this.doubts.push({ from, until, names });
    this.change(`${after} (cut off)`, from, until, state, ['any']);
  }
}

/** The possible values of something at some time in [from, until]. */
function during<T>(spans: readonly Span<T>[], from: number, until: number): Value<T>[] {
  const values: Value<T>[] = [];
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle]!.until < from) low = middle + 1;
    else high = middle;
  }
  for (let index = low; index < spans.length && spans[index]!.from <= until; index++) values.push(spans[index]!.value);
  return values;
}

export type Verdict = 'right' | 'wrong' | 'stale' | 'undecided';

export interface Question {
  readonly network: string;
  readonly kind: 'a' | 'aaaa' | 'ptr' | 'unknown';
  /** Lower case, without the network; the address of a PTR. */
  readonly name: string;
  /** A link's alias: while nobody has the name that it stands for, it is answered empty and asked of nobody. */
  readonly alias?: boolean;
  /** As it was asked. */
  readonly asked: string;
}

export interface Answer {
  readonly code: number;
  /** Addresses, or names of a PTR. */
  readonly values: readonly string[];
  /** False: another question, or records of a type that was not asked for. */
  readonly sound: boolean;
}

const NXDOMAIN = 3;
type Held = readonly string[] | undefined; // undefined: not known there; []: known, no such record

export class Truth {
  readonly #timelines: readonly Timeline[];
  readonly #holders = new Map<string, Span<Held>[][]>();
  readonly #lines = new Map<string, Span<string>[]>();

  constructor(timelines: readonly Timeline[]) {
    this.#timelines = timelines;
  }

  judge(question: Question, answer: Answer, from: number, until: number): Verdict {
    if (!answer.sound) return 'wrong';
    if (question.kind === 'unknown') return answer.code === NXDOMAIN && answer.values.length === 0 ? 'right' : 'wrong';
    const holders = this.#holdersOf(question);
    const possible = holders.map((spans) => during(spans, from, until));
    // Of a container in doubt anything may be said, one address more or none; of all others what is true.
    const doubtful = possible.filter((values) => values.includes('any')).length;
    const sure = possible.filter((values) => !values.includes('any')) as Held[][];
    const allowed = new Set(sure.flat().flatMap((held) => held ?? []));
    const known = doubtful > 0 || sure.some((values) => values.some((held) => held !== undefined));
    const unknown = sure.every((values) => values.some((held) => held === undefined));
    const complete = sure.every((values) =>
      values.some((held) => held === undefined || held.every((value) => answer.values.includes(value))),
    );
    const unexplained = answer.values.filter((value) => !allowed.has(value)).length;
    const rightCode =
      answer.code === 0
        ? known || (question.alias === true && answer.values.length === 0)
        : answer.code === NXDOMAIN && !question.alias && unknown && answer.values.length === 0;
    if (rightCode && complete && unexplained <= doubtful) return unexplained === 0 ? 'right' : 'undecided';
    if (
      question.kind === 'ptr' &&
      answer.values.every((value) => allowed.has(value) || this.#inDoubt(value.split('.')[0]!, from, until))
    )
      return 'undecided';
    const before = new Set(
      holders.flat().flatMap((span) => (span.value !== 'any' && span.until < from ? (span.value ?? []) : [])),
    );
    return answer.values.some((value) => !allowed.has(value) && before.has(value)) ? 'stale' : 'wrong';
  }

  #inDoubt(name: string, from: number, until: number): boolean {
    return this.#timelines.some(({ doubts }) =>
      doubts.some((doubt) => doubt.from <= until && doubt.until >= from && doubt.names.includes(name)),
    );
  }

  /** Whether a name was certainly known on a network all the time: then nobody else may have been asked for it. */
  certainlyKnown(network: string, name: string, from: number, until: number): boolean {
    return this.#holdersOf({ network, kind: 'a', name, asked: name }).some((spans) =>
      during(spans, from, until).every((value) => value !== 'any' && value !== undefined),
    );
  }

  /** A hosts file with the lines of links between what is always the same. `links`: alias and index of the source. */
  judgeHosts(
    text: string,
    links: readonly { alias: string; source: number }[],
    frame: { head: string; tail: string },
    from: number,
    until: number,
  ): Verdict | 'torn' {
    if (
      !text.startsWith(frame.head) ||
      !text.endsWith(frame.tail) ||
      text.length < frame.head.length + frame.tail.length
    )
      return 'torn';
    const body = text.slice(frame.head.length, text.length - frame.tail.length);
    if (body !== '' && !body.endsWith('\n')) return 'torn';
    const lines = body.split('\n').slice(0, -1);
    let undecided = false;
    let worst: Verdict = 'right';
    for (const { alias, source } of links) {
      const spans = this.#linesOf(alias, source);
      const values = during(spans, from, until);
      if (values.includes('any')) undecided = true;
      const found = lines.filter((line) => line.split(/[\t ]/)[1] === alias);
      const line = found.length > 1 ? '\0' : (found[0] ?? '');
      lines.splice(0, lines.length, ...lines.filter((other) => !found.includes(other)));
      if (values.includes('any') || values.includes(line)) continue;
      worst = worst !== 'wrong' && spans.some((span) => span.value === line && span.until < from) ? 'stale' : 'wrong';
    }
    if (lines.length > 0) return 'wrong';
    return worst === 'right' && undecided ? 'undecided' : worst;
  }

  /** All lines that the alias of a link can have, as one span each. */
  #linesOf(alias: string, source: number): Span<string>[] {
    const key = `${alias} ${source}`;
    const known = this.#lines.get(key);
    if (known) return known;
    const spans = this.#timelines[source]!.spans.map(({ from, until, value }): Span<string> => {
      if (value === 'any') return { from, until, value };
      const address = value.networks['bridge']?.a ?? '';
      return { from, until, value: address === '' ? '' : `${address}\t${alias} ${value.hostname} ${value.name}` };
    });
    this.#lines.set(key, spans);
    return spans;
  }

  #holdersOf({ network, kind, name }: Question): Span<Held>[][] {
    const key = `${network} ${kind} ${name}`;
    const known = this.#holders.get(key);
    if (known) return known;
    const holders: Span<Held>[][] = [];
    for (const timeline of this.#timelines) {
      const doubted = (from: number): Value<Held> =>
        kind === 'ptr' || timeline.doubts.some((doubt) => doubt.from === from && doubt.names.includes(name))
          ? 'any'
          : undefined;
      const spans = timeline.spans.map(({ from, until, value }): Span<Held> => ({
        from,
        until,
        value: value === 'any' ? doubted(from) : held(value.networks[network], kind, name, network),
      }));
      if (spans.some(({ value }) => value !== undefined && (value !== 'any' || kind !== 'ptr')))
        holders.push(merged(spans));
    }
    this.#holders.set(key, holders);
    return holders;
  }
}

function held(attachment: Attachment | undefined, kind: Question['kind'], name: string, network: string): Held {
  if (!attachment) return undefined;
  if (kind === 'ptr')
    return attachment.a === name || attachment.aaaa === name ? [`${attachment.names[0]}.${network}`] : undefined;
  if (!attachment.names.includes(name)) return undefined;
  const address = kind === 'a' ? attachment.a : attachment.aaaa;
  return address === '' ? [] : [address];
}

/** Neighbours that say the same are one. */
function merged(spans: readonly Span<Held>[]): Span<Held>[] {
  const result: Span<Held>[] = [];
  for (const span of spans) {
    const last = result.at(-1);
    if (last && JSON.stringify(last.value) === JSON.stringify(span.value))
      last.until = Math.max(last.until, span.until);
    else result.push({ ...span });
  }
  return result;
}
