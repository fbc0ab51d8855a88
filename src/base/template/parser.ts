/** Parses Go's text/template. */
import { lex, TemplateSyntaxError, unquote, type Token, type TokenKind } from './lexer.ts';
import type { CommandNode, Node, Operand, ParsedTemplate, Pipeline } from './nodes.ts';

type Stop = 'end' | 'else' | 'eof';

export function parseTemplate(source: string, functions: ReadonlySet<string>): ParsedTemplate {
  const parser = new Parser(lex(source), functions);
  return parser.parse();
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #functions: ReadonlySet<string>;
  #next = 0;
  #variables = ['$'];
  #loops = 0;
  #depth = 0;
  readonly #defined = new Map<string, readonly Node[]>();

  constructor(tokens: readonly Token[], functions: ReadonlySet<string>) {
    this.#tokens = tokens;
    this.#functions = functions;
  }

  parse(): ParsedTemplate {
    const { nodes, stop, token } = this.#list();
    if (stop !== 'eof') throw new TemplateSyntaxError(`unexpected {{${stop}}}`, token.at);
    return { nodes, defined: this.#defined };
  }

  #list(): { nodes: Node[]; stop: Stop; token: Token } {
    const nodes: Node[] = [];
    for (;;) {
      const token = this.#take();
      if (token.kind === 'end') return { nodes, stop: 'eof', token };
      if (token.kind === 'text') {
        nodes.push({ kind: 'text', text: token.text });
        continue;
      }
      const word = this.#peek();
      if (word.kind !== 'keyword') {
        nodes.push({ kind: 'action', pipeline: this.#pipeline('command', 'close') });
        continue;
      }
      this.#take();
      if (word.text === 'end') {
        this.#expectClose('end');
        return { nodes, stop: 'end', token: word };
      }
      if (word.text === 'else') return { nodes, stop: 'else', token: word };
      if (word.text === 'define' && this.#depth === 0) this.#define(unquote(this.#name('define clause').text));
      else nodes.push(this.#control(word));
    }
  }

  #control(word: Token): Node {
    switch (word.text) {
      case 'if':
      case 'with':
      case 'range':
        return this.#block(word.text);
      case 'break':
      case 'continue':
        if (this.#loops === 0) throw new TemplateSyntaxError(`{{${word.text}}} outside {{range}}`, word.at);
        this.#expectClose(`{{${word.text}}}`);
        return { kind: word.text };
      case 'template':
      case 'block':
        return this.#use(word);
      default:
        throw new TemplateSyntaxError(`unexpected <${word.text}> in command`, word.at);
    }
  }

  /** The quoted name that follows. */
  #name(context: string): Token {
    const token = this.#take();
    if (token.kind !== 'string') throw this.#unexpected(token, context);
    return token;
  }

  /** The body of a template up to its end, which sees no variables but `$`. */
  #define(name: string, closed = false): void {
    if (!closed) this.#expectClose('define clause');
    const [variables, loops] = [this.#variables, this.#loops];
    [this.#variables, this.#loops] = [['$'], 0];
    this.#depth++;
    const { nodes, stop, token } = this.#list();
    this.#depth--;
    [this.#variables, this.#loops] = [variables, loops];
    if (stop === 'eof') throw new TemplateSyntaxError('unexpected EOF', token.at);
    if (stop === 'else') throw new TemplateSyntaxError('unexpected {{else}} in define clause', token.at);
    this.#defined.set(name, nodes);
  }

  #use(word: Token): Node {
    const { at, text } = this.#name(`${word.text} clause`);
    const name = unquote(text);
    const bare = word.text === 'template' && this.#peek().kind === 'close';
    if (bare) this.#expectClose('template clause');
    const pipeline = bare ? undefined : this.#pipeline(`${word.text} clause`, 'close');
    if (word.text === 'block') this.#define(name, true);
    const shown = `{{template ${JSON.stringify(name)}${pipeline ? ` ${pipeline.shown}` : ''}}}`;
    return { kind: 'template', at, shown, name, pipeline };
  }

  #block(kind: 'if' | 'with' | 'range'): Node {
    const scope = this.#variables.length;
    const pipeline = this.#pipeline(kind, 'close');
    if (kind === 'range') this.#loops++;
    this.#depth++;
    const { nodes: body, stop, token } = this.#list();
    this.#depth--;
    if (kind === 'range') this.#loops--;
    let otherwise: readonly Node[] = [];
    if (stop === 'eof') throw new TemplateSyntaxError('unexpected EOF', token.at);
    if (stop === 'else') otherwise = this.#otherwise(kind);
    this.#variables.length = scope;
    return { kind, pipeline, body, otherwise };
  }

  #otherwise(kind: 'if' | 'with' | 'range'): readonly Node[] {
    const following = this.#peek();
    if (following.kind === 'keyword' && following.text === kind && kind !== 'range') {
      this.#take();
      return [this.#block(kind)];
    }
    this.#expectClose('else');
    const { nodes, stop, token } = this.#list();
    if (stop === 'eof') throw new TemplateSyntaxError('unexpected EOF', token.at);
    if (stop === 'else') throw new TemplateSyntaxError(`expected end; found {{else}}`, token.at);
    return nodes;
  }

  #pipeline(context: string, end: 'close' | 'rightParen'): Pipeline {
    const start = this.#peek();
    const declares: string[] = [];
    let assigns = false;
    const first = this.#peek();
    if (first.kind === 'variable') {
      const operator = this.#peek(1);
      if (operator.kind === 'declare' || operator.kind === 'assign') {
        this.#take();
        this.#take();
        assigns = operator.kind === 'assign';
        declares.push(first.text);
      } else if (operator.kind === 'comma' && context === 'range') {
        this.#take();
        this.#take();
        const second = this.#take();
        if (second.kind !== 'variable') throw this.#unexpected(second, 'range');
        const declare = this.#take();
        if (declare.kind !== 'declare' && declare.kind !== 'assign') throw this.#unexpected(declare, 'range');
        assigns = declare.kind === 'assign';
        declares.push(first.text, second.text);
      }
    }
    const commands: CommandNode[] = [];
    for (;;) {
      const token = this.#peek();
      if (token.kind === end) {
        if (commands.length === 0) throw new TemplateSyntaxError(`missing value for ${context}`, token.at);
        this.#take();
        break;
      }
      if (token.kind === 'pipe') throw new TemplateSyntaxError(`missing value for ${context}`, token.at);
      commands.push(this.#command());
    }
    for (const name of declares) {
      if (assigns) this.#checkVariable(name, start.at);
      else this.#variables.push(name);
    }
    const shown = commands.map((command) => command.shown).join(' | ');
    return { at: start.at, shown, declares, assigns, commands: commands as [CommandNode, ...CommandNode[]] };
  }

  #command(): CommandNode {
    const operands: Operand[] = [];
    const at = this.#peek().at;
    for (;;) {
      const operand = this.#operand();
      if (operand) operands.push(operand);
      const token = this.#takeRaw();
      if (token.kind === 'space') continue;
      if (token.kind === 'close' || token.kind === 'rightParen') {
        this.#next--;
        break;
      }
      if (token.kind === 'pipe') break;
      throw this.#unexpected(token, 'operand');
    }
    if (operands.length === 0) throw new TemplateSyntaxError('empty command', at);
    return {
      at,
      shown: operands.map((operand) => operand.shown).join(' '),
      operands: operands as [Operand, ...Operand[]],
    };
  }

  /** One operand with the fields that follow it without a space, or nothing if none starts here. */
  #operand(): Operand | undefined {
    const term = this.#term();
    if (!term) return undefined;
    if (this.#raw().kind !== 'field') return term;
    const at = this.#raw().at;
    const names: string[] = [];
    while (this.#raw().kind === 'field') names.push(this.#takeRaw().text.slice(1));
    const shown = `${term.kind === 'pipeline' ? `(${term.shown})` : term.shown}.${names.join('.')}`;
    if (term.kind === 'field') return { kind: 'field', at, shown, names: [...term.names, ...names] };
    if (term.kind === 'variable') return { ...term, at, shown, names };
    if (term.kind === 'literal' || term.kind === 'nil' || term.kind === 'dot') {
      throw new TemplateSyntaxError(`unexpected . after term ${JSON.stringify(term.shown)}`, at);
    }
    return { kind: 'chain', at, shown, of: term, names };
  }

  #term(): Operand | undefined {
    this.#skipSpace();
    const token = this.#takeRaw();
    const { at, text } = token;
    switch (token.kind) {
      case 'dot':
        return { kind: 'dot', at, shown: '.' };
      case 'nil':
        return { kind: 'nil', at, shown: 'nil' };
      case 'bool':
        return { kind: 'literal', at, shown: text, value: text === 'true' };
      case 'number':
        return { kind: 'literal', at, shown: text, value: Number(text.replaceAll('_', '').replace(/^\+/, '')) };
      case 'string':
        return { kind: 'literal', at, shown: text, value: unquote(text) };
      case 'character':
        return { kind: 'literal', at, shown: text, value: unquote(text).codePointAt(0) ?? 0 };
      case 'field':
        return { kind: 'field', at, shown: text, names: [text.slice(1)] };
      case 'variable':
        this.#checkVariable(text, at);
        return { kind: 'variable', at, shown: text, name: text, names: [] };
      case 'identifier':
        if (!this.#functions.has(text))
          throw new TemplateSyntaxError(`function ${JSON.stringify(text)} not defined`, at);
        return { kind: 'function', at, shown: text, name: text };
      case 'leftParen': {
        const pipeline = this.#pipeline('parenthesized pipeline', 'rightParen');
        return { kind: 'pipeline', at, shown: pipeline.shown, pipeline };
      }
      default:
        this.#next--;
        return undefined;
    }
  }

  #checkVariable(name: string, at: number): void {
    if (!this.#variables.includes(name))
      throw new TemplateSyntaxError(`undefined variable ${JSON.stringify(name)}`, at);
  }

  #expectClose(context: string): void {
    const token = this.#take();
    if (token.kind !== 'close') throw this.#unexpected(token, context);
  }

  #unexpected(token: Token, context: string): TemplateSyntaxError {
    const what =
      token.kind === 'end'
        ? 'EOF'
        : ['keyword', 'dot', 'nil'].includes(token.kind)
          ? `<${token.text}>`
          : quoteShort(token.text);
    return new TemplateSyntaxError(`unexpected ${what} in ${context}`, token.at);
  }

  #skipSpace(): void {
    while (this.#raw().kind === 'space') this.#next++;
  }

  #raw(): Token {
    return this.#tokens[this.#next] ?? END;
  }

  #takeRaw(): Token {
    return this.#tokens[this.#next++] ?? END;
  }

  #take(): Token {
    this.#skipSpace();
    return this.#takeRaw();
  }

  /** The next word that is not a space, or the one after it. */
  #peek(ahead = 0): Token {
    let left = ahead;
    for (let index = this.#next; index < this.#tokens.length; index++) {
      const token = this.#tokens[index] ?? END;
      if (token.kind === 'space') continue;
      if (left-- === 0) return token;
    }
    return END;
  }
}

/** Long words are cut. */
const quoteShort = (text: string) =>
  text.length > 10 ? `${JSON.stringify(text.slice(0, 10))}...` : JSON.stringify(text);

const END: Token = { kind: 'end' satisfies TokenKind, text: '', at: 0 };
