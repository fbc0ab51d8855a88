/** `.dockerignore`, and the `--exclude` of COPY and ADD: which files of a tree are not there for the build. */
import { posix } from 'node:path';
import { invalid } from './errors.ts';
import { PathGlob } from './path-glob.ts';

const MAX_PATTERNS = 10_000;

interface Pattern {
  /** Takes back what an earlier one left out. */
  readonly isException: boolean;
  readonly matches: (path: string) => boolean;
  /** The directories that each path it matches is below: those in front of the first special character. */
  readonly below: readonly string[];
}

/** What a directory was found to match, for those below it. */
export type ParentMatches = readonly boolean[];

export class IgnorePatterns {
  readonly #patterns: readonly Pattern[];

  /** @throws invalid */
  constructor(patterns: readonly string[]) {
    if (patterns.length > MAX_PATTERNS) throw invalid(`more than ${MAX_PATTERNS} patterns of files to leave out`);
    this.#patterns = patterns.map(readPattern).filter((pattern) => pattern !== undefined);
  }

  /** Of the lines of a file. */
  static ofFile(text: string): IgnorePatterns {
    return new IgnorePatterns(ignoreLines(text));
  }

  /**
   * Whether a path ('a/b', without '/' in front) is left out; `parent` is what its directory was found to match. Those
   * that are right below the root have none.
   */
  test(path: string, parent?: ParentMatches): { readonly ignored: boolean; readonly matches: ParentMatches } {
    let ignored = false;
    const matches = this.#patterns.map((pattern, i) => {
      let match = parent?.[i] ?? false;
      if (!match) {
        if (pattern.isException !== ignored) return false; // it would change nothing
        match = pattern.matches(path);
      }
      if (match) ignored = !pattern.isException;
      return match;
    });
    return { ignored, matches };
  }

  /**
   * Whether an exception may take something back that is below a directory which is left out; if not, nobody has to look
   * there.
   */
  mayKeepBelow(directory: string): boolean {
    const names = directory.split('/');
    return this.#patterns.some(
      ({ isException, below }) =>
        isException && names.every((name, depth) => depth >= below.length || below[depth] === name),
    );
  }

  /** The same for one path by itself: its directories are tried, too. */
  ignores(path: string): boolean {
    const names = path.split('/');
    let parent: ParentMatches | undefined;
    for (let depth = 1; depth < names.length; depth++)
      parent = this.test(names.slice(0, depth).join('/'), parent).matches;
    return this.test(path, parent).ignored;
  }
}

/** The patterns of a file: without comments, cleaned, '/a' as 'a'. */
export function ignoreLines(text: string): string[] {
  const patterns: string[] = [];
  for (const line of text.replace(/^\uFEFF/, '').split('\n')) {
    if (line.startsWith('#')) continue;
    let pattern = line.trim();
    if (pattern === '') continue;
    const isException = pattern.startsWith('!');
    if (isException) pattern = pattern.slice(1).trim();
    if (pattern !== '') pattern = clean(pattern);
    if (pattern.length > 1 && pattern.startsWith('/')) pattern = pattern.slice(1);
    patterns.push(isException ? `!${pattern}` : pattern);
  }
  return patterns;
}

/** Go's filepath.Clean. */
function clean(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

function readPattern(text: string): Pattern | undefined {
  let pattern = text.trim();
  if (pattern === '') return undefined;
  pattern = clean(pattern);
  const isException = pattern.startsWith('!');
  if (isException) {
    if (pattern.length === 1) throw invalid('illegal exclusion pattern: "!"');
    pattern = clean(pattern.slice(1));
  }
  return { isException, matches: matcherOf(pattern), below: plainDirectories(pattern) };
}

function plainDirectories(pattern: string): string[] {
  const names = pattern.replace(/^\//, '').split('/');
  const special = names.findIndex((name) => /[*?[\\]/.test(name));
  return names.slice(0, special < 0 ? names.length : special);
}

function matcherOf(pattern: string): (path: string) => boolean {
  const glob = new PathGlob(pattern, { deep: true });
  if (glob.isPlain && !pattern.includes('\\')) return (path) => path === pattern;
  // '**' at one end and nothing else that is special: Docker compares texts there, '**foo' is also 'barfoo'.
  const [, suffix] = /^\*\*([^*?[\\\]]*)$/.exec(pattern) ?? [];
  if (suffix !== undefined)
    return (path) => path.endsWith(suffix) || (suffix.startsWith('/') && path === suffix.slice(1));
  const [, prefix] = /^([^*?[\\\]]+)\*\*$/.exec(pattern) ?? [];
  if (prefix !== undefined) return (path) => path.startsWith(prefix);
  return (path) => glob.matches(path);
}
