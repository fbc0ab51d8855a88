/**
 * A YAML document as plain values, read as Go's sigs.k8s.io/yaml reads it (YAML 1.1: 0666 is octal, `yes` is true). The
 * text may be anything: what it refers to again and again counts each time.
 */
import type { Alias, Document, LineCounter, Node, Pair, Scalar } from 'yaml';

export type YamlValue = string | number | boolean | null | YamlValue[] | { [key: string]: YamlValue };

const MAX_NODES = 100_000;
const MAX_DEPTH = 100;

/** Of the first document; undefined where there is none. @throws Error in the words of Go's parser, where it has some */
export async function readYaml(text: string): Promise<YamlValue | undefined> {
  const yaml = await import('yaml');
  const lines = new yaml.LineCounter();
  try {
    const parser = new yaml.Parser(lines.addNewLine);
    // Keys are compared here: the composer compares each with all others.
    const composer = new yaml.Composer({ schema: 'failsafe', uniqueKeys: false, logLevel: 'silent' });
    // Only as far as the first one goes.
    const [document] = composer.compose(parser.parse(text));
    const [problem] = document?.errors ?? [];
    if (isTooDeep(problem)) throw problem;
    if (problem) throw atLine(lines, problem.pos[0], problem.message.split(/ at line|\n/, 1)[0]!);
    if (!document?.contents) return undefined;
    return new Reader(yaml, document, lines).value(document.contents as Node, 0);
  } catch (error) {
    if (isTooDeep(error)) throw new Error(`yaml: exceeded max depth of ${MAX_DEPTH}`, { cause: error });
    throw error;
  }
}

/** The composer's stack, or the reader's. */
const isTooDeep = (error: unknown): boolean =>
  error instanceof RangeError || (error as { readonly code?: unknown } | undefined)?.code === 'RESOURCE_EXHAUSTION';

const atLine = (lines: LineCounter, offset: number, message: string): Error =>
  new Error(`yaml: line ${lines.linePos(offset).line || 1}: ${message}`);

type Yaml = typeof import('yaml');

class Reader {
  readonly #yaml: Yaml;
  readonly #lines: LineCounter;
  /** What each alias stands for: the last one of that name before it. A look-up of its own for each would visit all. */
  readonly #targets = new Map<Alias, Node | undefined>();
  #nodes = 0;

  constructor(yaml: Yaml, document: Document, lines: LineCounter) {
    this.#yaml = yaml;
    this.#lines = lines;
    const anchors = new Map<string, Node>();
    yaml.visit(document, {
      Node: (_, node) => {
        if (yaml.isAlias(node)) this.#targets.set(node, anchors.get(node.source));
        else if (node.anchor !== undefined) anchors.set(node.anchor, node);
      },
    });
  }

  value(node: Node | null, depth: number): YamlValue {
    if (++this.#nodes > MAX_NODES) throw new Error('yaml: document contains excessive aliasing');
    if (depth > MAX_DEPTH) throw new Error(`yaml: exceeded max depth of ${MAX_DEPTH}`);
    if (node === null) return null;
    const { isAlias, isMap, isSeq, isScalar } = this.#yaml;
    if (isAlias(node)) {
      const target = this.#targets.get(node);
      if (!target) throw new Error(`yaml: unknown anchor '${node.source}' referenced`);
      return this.value(target, depth + 1);
    }
    if (isSeq(node)) return node.items.map((item) => this.value(item as Node | null, depth + 1));
    if (isMap(node)) return this.#map(node.items as Pair<Node, Node | null>[], depth);
    return isScalar(node) ? scalarOf(node) : null;
  }

  #map(pairs: readonly Pair<Node, Node | null>[], depth: number): { [key: string]: YamlValue } {
    const found = new Map<string, YamlValue>();
    const merged = new Map<string, YamlValue>();
    for (const { key, value } of pairs) {
      const name = this.value(key, depth + 1);
      if (name !== null && typeof name === 'object') throw new Error('yaml: invalid map key');
      const item = this.value(value, depth + 1);
      if (name === '<<') for (const [inner, one] of mergedEntries(item)) merged.set(inner, one);
      else if (found.has(String(name))) throw atLine(this.#lines, key.range?.[0] ?? 0, 'Map keys must be unique');
      else found.set(String(name), item);
    }
    // Without a prototype: a key may be called as anything.
    return Object.assign(Object.create(null), Object.fromEntries([...merged, ...found])) as {
      [key: string]: YamlValue;
    };
  }
}

function mergedEntries(value: YamlValue): [string, YamlValue][] {
  const maps = Array.isArray(value) ? value.toReversed() : [value];
  return maps.flatMap((map) => {
    if (map === null || typeof map !== 'object' || Array.isArray(map))
      throw new Error('yaml: map merge requires map or sequence of maps as the value');
    return Object.entries(map);
  });
}

const WORDS = new Map<string, boolean | null>([
  ...['', '~', 'null', 'Null', 'NULL'].map((word) => [word, null] as const),
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'].map((word) => [word, true] as const),
  ...['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'].map((word) => [word, false] as const),
]);

function scalarOf(node: Scalar): YamlValue {
  const text = String(node.value);
  if (node.type !== 'PLAIN') return text;
  const word = WORDS.get(text);
  return word === undefined ? (numberOf(text) ?? text) : word;
}

/** Go's integers of any base, and floats. */
function numberOf(text: string): number | undefined {
  const [, sign = '', digits = ''] = /^([-+]?)(\d[\da-z_]*)$/i.exec(text) ?? [];
  const plain = digits.replaceAll('_', '').toLowerCase();
  const base = /^0x[\da-f]+$/.test(plain) ? 16 : /^0b[01]+$/.test(plain) ? 2 : /^0o?[0-7]+$/.test(plain) ? 8 : 10;
  const body = base === 10 ? plain : plain.replace(/^0[xbo]?/, '');
  if (base !== 10 || /^\d+$/.test(body)) {
    const value = body === '' ? 0 : Number.parseInt(body, base);
    return sign === '-' ? -value : value;
  }
  return /^[-+]?(\.\d+|\d+(\.\d*)?)(e[-+]?\d+)?$/i.test(text) ? Number(text) : undefined;
}
