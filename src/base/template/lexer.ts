/**
 * Words of Go's text/template. A template is text and, between {{ and }}, actions; `{{- ` and ` -}}` trim the text
 * next to them. Positions are byte-like offsets into the template, for error messages.
 */
export type TokenKind =
  | 'text'
  | 'open'
  | 'close'
  | 'field'
  | 'variable'
  | 'identifier'
  | 'keyword'
  | 'string'
  | 'character'
  | 'number'
  | 'bool'
  | 'nil'
  | 'dot'
  | 'pipe'
  | 'declare'
  | 'assign'
  | 'comma'
  | 'leftParen'
  | 'rightParen'
  | 'symbol'
  | 'space'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly at: number;
}

/** The template is wrong, in Go's words (without "template: :1: "). */
export class TemplateSyntaxError extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

const KEYWORDS = new Set(['if', 'else', 'end', 'range', 'with', 'define', 'template', 'block', 'break', 'continue']);

export function lex(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let trimNext = false;
  for (;;) {
    const open = source.indexOf('{{', at);
    let text = source.slice(at, open < 0 ? undefined : open);
    if (trimNext) text = text.replace(/^[ \t\r\n]+/, '');
    const trimsBefore = open >= 0 && /^\{\{-[ \t\r\n]/.test(source.slice(open, open + 4));
    if (trimsBefore) text = text.replace(/[ \t\r\n]+$/, '');
    if (text !== '') tokens.push({ kind: 'text', text, at });
    if (open < 0) break;
    const start = open + (trimsBefore ? 4 : 2);
    const comment = /^(?:\/\*)/.test(source.slice(start)) ? source.indexOf('*/', start) : undefined;
    if (comment !== undefined) {
      if (comment < 0) throw new TemplateSyntaxError('unclosed comment', open);
      const close = /^([ \t\r\n]-)?\}\}/.exec(source.slice(comment + 2));
      if (!close) throw new TemplateSyntaxError('comment ends before closing delimiter', open);
      trimNext = close[1] !== undefined;
      at = comment + 2 + close[0].length;
      continue;
    }
    tokens.push({ kind: 'open', text: '{{', at: open });
    const end = lexAction(source, start, open, tokens);
    trimNext = end.trims;
    at = end.at;
  }
  tokens.push({ kind: 'end', text: '', at: source.length });
  return tokens;
}

const PATTERNS: readonly [TokenKind, RegExp][] = [
  ['space', /^[ \t\r\n]+/],
  ['declare', /^:=/],
  ['assign', /^=/],
  ['pipe', /^\|/],
  ['comma', /^,/],
  ['number', /^[+-]?(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)/],
  ['field', /^\.[\p{L}_][\p{L}\p{Nd}_]*/u],
  ['dot', /^\./],
  ['variable', /^\$[\p{L}\p{Nd}_]*/u],
  ['identifier', /^[\p{L}_][\p{L}\p{Nd}_]*/u],
];

function lexAction(source: string, start: number, open: number, tokens: Token[]): { at: number; trims: boolean } {
  let at = start;
  let depth = 0;
  for (;;) {
    const rest = source.slice(at);
    const close = /^(?:([ \t\r\n]+-)\}\}|\}\})/.exec(rest);
    if (close) {
      if (depth > 0) throw new TemplateSyntaxError('unclosed left paren', at);
      tokens.push({ kind: 'close', text: '}}', at });
      return { at: at + close[0].length, trims: close[1] !== undefined };
    }
    if (rest === '') throw new TemplateSyntaxError('unclosed action', open);
    const token = lexToken(rest, at);
    if (token.kind === 'leftParen') depth++;
    if (token.kind === 'rightParen' && depth-- === 0) throw new TemplateSyntaxError('unexpected right paren', at);
    tokens.push(token);
    at += token.text.length;
  }
}

function lexToken(rest: string, at: number): Token {
  const first = rest.charAt(0);
  if (first === '"') {
    const quoted = /^"(?:[^"\\\n]|\\.)*"/.exec(rest)?.[0];
    if (quoted === undefined) throw new TemplateSyntaxError('unterminated quoted string', at);
    return { kind: 'string', text: quoted, at };
  }
  if (first === '`') {
    const end = rest.indexOf('`', 1);
    if (end < 0) throw new TemplateSyntaxError('unterminated raw quoted string', at);
    return { kind: 'string', text: rest.slice(0, end + 1), at };
  }
  if (first === "'") {
    const character = /^'(?:[^'\\\n]|\\.)*'/.exec(rest)?.[0];
    if (character === undefined) throw new TemplateSyntaxError('unterminated character constant', at);
    return { kind: 'character', text: character, at };
  }
  if (first === '(') return { kind: 'leftParen', text: '(', at };
  if (first === ')') return { kind: 'rightParen', text: ')', at };
  for (const [kind, pattern] of PATTERNS) {
    const text = pattern.exec(rest)?.[0];
    if (text === undefined) continue;
    if (kind === 'identifier' || kind === 'field' || kind === 'variable')
      checkTerminator(rest.slice(text.length), at + text.length);
    if (kind !== 'identifier') return { kind, text, at };
    if (text === 'true' || text === 'false') return { kind: 'bool', text, at };
    if (text === 'nil') return { kind: 'nil', text, at };
    return { kind: KEYWORDS.has(text) ? 'keyword' : 'identifier', text, at };
  }
  if (/^[\x21-\x7e]/.test(rest)) return { kind: 'symbol', text: first, at };
  throw new TemplateSyntaxError(`unrecognized character in action: ${unicodeName(rest)}`, at);
}

/** Names end where something else may begin. */
function checkTerminator(rest: string, at: number): void {
  if (rest === '' || rest.startsWith('}}') || /^[ \t\r\n.,|:()]/.test(rest)) return;
  throw new TemplateSyntaxError(`bad character ${unicodeName(rest)}`, at);
}

function unicodeName(text: string): string {
  const point = text.codePointAt(0) ?? 0;
  return `U+${point.toString(16).toUpperCase().padStart(4, '0')} '${String.fromCodePoint(point)}'`;
}

/** The value of a "quoted" or `raw` Go string, or of a 'c' constant. */
export function unquote(text: string): string {
  const body = text.slice(1, -1);
  if (text.startsWith('`')) return body;
  return body.replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)/g, (_, escape: string) => {
    const simple: Record<string, string> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
    if (/^[xuU]/.test(escape)) return String.fromCodePoint(Number.parseInt(escape.slice(1), 16));
    if (/^[0-7]{3}$/.test(escape)) return String.fromCharCode(Number.parseInt(escape, 8));
    return simple[escape] ?? escape;
  });
}
