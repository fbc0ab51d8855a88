/**
 * Go's text/template with Docker's functions. Errors are Go's, without Docker's "template parsing error: " in front:
 * `template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo"`.
 */
import { arity, functions, parameters, typeComplaint, typeName } from './functions.ts';
import {
  GoMap,
  GoOpaque,
  GoStruct,
  isPlainMap,
  isTrue,
  MethodSet,
  NilPointer,
  NO_VALUE,
  printValue,
  sortedEntries,
} from './go-value.ts';
import { TemplateSyntaxError } from './lexer.ts';
import type { CommandNode, Node, Operand, ParsedTemplate, Pipeline } from './nodes.ts';
import { parseTemplate } from './parser.ts';

export class TemplateError extends Error {}

const FUNCTION_NAMES = new Set(Object.keys(functions));
const MAX_QUOTED = 20;
/** Go's is 100,000; the stack here is smaller. */
const MAX_DEPTH = 500;

export interface TemplateOptions {
  /** A missing key of a map is an error, as in `inspect`; otherwise it prints <no value>. */
  readonly missingKeyFails?: boolean;
  /** The template is somebody else's: it may not take long, nor make long texts. */
  readonly bounded?: boolean;
  /** What is printed of a value. The template's own text and constants are printed as they are. */
  readonly show?: (value: string) => string;
}

/** Of a bounded template, calls included; its text may be as long, and each value in it. */
const MAX_STEPS = 20_000;
const MAX_CHARACTERS = 1024 ** 2;
/** Of all that its functions are given and make, in characters. */
const MAX_WORKED = 8 * MAX_CHARACTERS;

export class Template {
  readonly #source: string;
  readonly #name: string;
  readonly #parsed: ParsedTemplate;

  /** `name`: as errors call it. Throws TemplateError for what cannot be parsed. */
  constructor(source: string, name = '') {
    this.#source = source;
    this.#name = name;
    try {
      this.#parsed = parseTemplate(source, FUNCTION_NAMES);
    } catch (error) {
      if (error instanceof RangeError) throw new TemplateError(`template: ${name}:1: nested too deeply`);
      if (!(error instanceof TemplateSyntaxError)) throw error;
      throw new TemplateError(`template: ${name}:${lineOf(source, error.at)}: ${error.message}`);
    }
  }

  /** Throws TemplateError for what cannot be evaluated. */
  execute(data: unknown, options: TemplateOptions = {}): string {
    return new Execution({ source: this.#source, name: this.#name, parsed: this.#parsed }, data, options).run();
  }
}

const isBasic = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value);

function* upTo(end: number): Generator<[number, number]> {
  for (let index = 0; index < end; index++) yield [index, index];
}

const lineOf = (source: string, at: number) => source.slice(0, at).split('\n').length;

const isConstant = ({ commands }: Pipeline) =>
  commands.every(({ operands }) => operands.every(({ kind }) => kind === 'literal'));

type Flow = 'on' | 'break' | 'continue';

interface Executed {
  readonly source: string;
  readonly name: string;
  readonly parsed: ParsedTemplate;
}

class Execution {
  readonly #source: string;
  readonly #whole: string;
  readonly #options: TemplateOptions;
  readonly #parsed: ParsedTemplate;
  #variables: { name: string; value: unknown }[];
  readonly #root: unknown;
  /** The template that is executed. */
  #name: string;
  #depth = 0;
  #steps = 0;
  #worked = 0;
  #out = '';

  constructor({ source, name, parsed }: Executed, data: unknown, options: TemplateOptions) {
    this.#source = source;
    this.#whole = name;
    this.#name = name;
    this.#parsed = parsed;
    this.#options = options;
    this.#root = data;
    this.#variables = [{ name: '$', value: data }];
  }

  run(): string {
    this.#walk(this.#parsed.nodes, this.#root);
    return this.#out;
  }

  #walk(nodes: readonly Node[], dot: unknown): Flow {
    for (const node of nodes) {
      const flow = this.#step(node, dot);
      if (flow !== 'on') return flow;
    }
    return 'on';
  }

  #count(): void {
    const over = ++this.#steps > MAX_STEPS || this.#out.length > MAX_CHARACTERS || this.#worked > MAX_WORKED;
    if (this.#options.bounded && over)
      throw new TemplateError(`template: ${this.#whole}: it takes too long, or makes too long a text`);
  }

  #step(node: Node, dot: unknown): Flow {
    this.#count();
    switch (node.kind) {
      case 'text':
        this.#out += node.text;
        return 'on';
      case 'action': {
        const value = this.#pipeline(node.pipeline, dot);
        // Nothing at all prints so; inside a list or map it is <nil>.
        if (node.pipeline.declares.length > 0) return 'on';
        const printed = printValue(value ?? NO_VALUE);
        this.#out += isConstant(node.pipeline) ? printed : (this.#options.show?.(printed) ?? printed);
        return 'on';
      }
      case 'break':
      case 'continue':
        return node.kind;
      case 'range':
        return this.#range(node, dot);
      case 'template':
        this.#include(node, dot);
        return 'on';
      default: {
        const scope = this.#variables.length;
        const value = this.#pipeline(node.pipeline, dot);
        const flow = isTrue(value)
          ? this.#walk(node.body, node.kind === 'with' ? value : dot)
          : this.#walk(node.otherwise, dot);
        this.#variables.length = scope;
        return flow;
      }
    }
  }

  #include(node: Extract<Node, { kind: 'template' }>, dot: unknown): void {
    const nodes = this.#parsed.defined.get(node.name);
    if (!nodes) throw this.#error(node, `template ${JSON.stringify(node.name)} not defined`);
    if (this.#depth === MAX_DEPTH) throw this.#error(node, `exceeded maximum template depth (${MAX_DEPTH})`);
    const value = node.pipeline && this.#pipeline(node.pipeline, dot);
    const [variables, name] = [this.#variables, this.#name];
    [this.#variables, this.#name] = [[{ name: '$', value }], node.name];
    this.#depth++;
    this.#walk(nodes, value);
    this.#depth--;
    [this.#variables, this.#name] = [variables, name];
  }

  #range(node: Extract<Node, { kind: 'if' | 'with' | 'range' }>, dot: unknown): Flow {
    const scope = this.#variables.length;
    const [first, second] = node.pipeline.declares;
    const value = this.#pipeline(node.pipeline, dot, false);
    const items = this.#items(value, node.pipeline);
    const set = (name: string | undefined, item: unknown) => {
      if (name === undefined) return;
      if (node.pipeline.assigns) this.#assign(name, item);
      else this.#variables.push({ name, value: item });
    };
    let some = false;
    for (const [key, item] of items) {
      some = true;
      this.#count();
      const inner = this.#variables.length;
      set(first, second === undefined ? item : key);
      set(second, item);
      const flow = this.#walk(node.body, item);
      this.#variables.length = inner;
      if (flow === 'break') break;
    }
    this.#variables.length = scope;
    return some ? 'on' : this.#walk(node.otherwise, dot);
  }

  #items(value: unknown, pipeline: Pipeline): Iterable<[unknown, unknown]> {
    if (Array.isArray(value)) return value.map((item, index) => [index, item]);
    if (value instanceof GoMap || isPlainMap(value)) return sortedEntries(value);
    if (value === null || value === undefined || value === NO_VALUE || value instanceof NilPointer) return [];
    if (typeof value === 'number' && Number.isInteger(value)) return upTo(value);
    throw this.#error(pipeline, `range can't iterate over ${printValue(value)}`);
  }

  #assign(name: string, value: unknown): void {
    const variable = this.#variables.findLast((candidate) => candidate.name === name);
    if (variable) variable.value = value;
  }

  #pipeline(pipeline: Pipeline, dot: unknown, declare = true): unknown {
    let value: unknown;
    pipeline.commands.forEach((command, index) => {
      value = this.#command(command, dot, index > 0 ? [value] : []);
    });
    if (declare) {
      for (const name of pipeline.declares) {
        if (pipeline.assigns) this.#assign(name, value);
        else this.#variables.push({ name, value });
      }
    }
    return value;
  }

  #command(command: CommandNode, dot: unknown, piped: unknown[]): unknown {
    const [first, ...rest] = command.operands;
    if (first.kind === 'function') return this.#call(first, command, rest, dot, piped);
    if (first.kind === 'field' || first.kind === 'chain' || first.kind === 'variable') {
      const args = [...rest.map((operand) => this.#operand(operand, dot)), ...piped];
      return this.#operand(first, dot, args);
    }
    if (rest.length > 0 || piped.length > 0) {
      throw this.#error(
        command,
        first.kind === 'nil' ? 'nil is not a command' : `can't give argument to non-function ${first.shown}`,
      );
    }
    if (first.kind === 'nil') throw this.#error(command, 'nil is not a command');
    return this.#operand(first, dot);
  }

  #call(
    named: Extract<Operand, { kind: 'function' }>,
    command: CommandNode,
    operands: readonly Operand[],
    dot: unknown,
    piped: unknown[],
  ): unknown {
    const { name } = named;
    const wanted = arity[name];
    const count = operands.length + piped.length;
    if (wanted !== undefined && count !== wanted)
      throw this.#error(named, `wrong number of args for ${name}: want ${wanted} got ${count}`);
    if (wanted === undefined && count === 0 && ['and', 'or', 'index', 'slice', 'printf', 'eq'].includes(name)) {
      throw this.#error(named, `wrong number of args for ${name}: want at least 1 got 0`);
    }
    if (name === 'and' || name === 'or') {
      let value: unknown;
      for (const operand of operands) {
        value = this.#operand(operand, dot);
        if (isTrue(value) === (name === 'or')) return value;
      }
      return piped.length > 0 ? piped[0] : value;
    }
    const args = [...operands.map((operand) => this.#operand(operand, dot)), ...piped];
    for (const [index, type] of (parameters[name] ?? []).entries()) {
      const complaint = typeComplaint(args[index], type);
      if (complaint !== undefined) throw this.#error(operands[index] ?? command, complaint);
    }
    this.#charge(args);
    this.#count();
    try {
      const result = functions[name]?.(...args);
      this.#charge([result]);
      if (this.#options.bounded && typeof result === 'string' && result.length > MAX_CHARACTERS)
        throw new Error('too long a text');
      return result;
    } catch (error) {
      if (error instanceof TemplateError) throw error;
      throw this.#error(command, `error calling ${name}: ${(error as Error).message}`);
    }
  }

  /** Variables keep what was made, and a function may go through all of what it is given. */
  #charge(values: readonly unknown[]): void {
    for (const value of values) if (typeof value === 'string') this.#worked += value.length;
  }

  #operand(operand: Operand, dot: unknown, args: unknown[] = []): unknown {
    switch (operand.kind) {
      case 'dot':
        return dot;
      case 'nil':
        return undefined;
      case 'literal':
        return operand.value;
      case 'field':
        return this.#fields(dot, operand.names, operand, args);
      case 'variable': {
        const { value } = this.#variables.findLast((candidate) => candidate.name === operand.name) ?? {
          value: undefined,
        };
        if (operand.names.length === 0 && args.length > 0)
          throw this.#error(operand, `can't give argument to non-function ${operand.shown}`);
        return this.#fields(value, operand.names, operand, args);
      }
      case 'chain':
        return this.#fields(this.#operand(operand.of, dot), operand.names, operand, args);
      case 'pipeline':
        return this.#pipeline(operand.pipeline, dot);
      case 'function':
        return this.#call(operand, { at: operand.at, shown: operand.shown, operands: [operand] }, [], dot, []);
    }
  }

  #fields(value: unknown, names: readonly string[], operand: Operand, args: unknown[]): unknown {
    let of = value;
    let typed = false;
    for (const [index, name] of names.entries()) {
      if (typed && isBasic(of)) throw this.#error(operand, `can't evaluate field ${name} in type ${typeName(of)}`);
      typed = of instanceof GoStruct || of instanceof GoMap; // what is in others may be anything
      of = this.#field(of, name, operand, index === names.length - 1 ? args : []);
    }
    return of;
  }

  #field(of: unknown, name: string, operand: Operand, args: unknown[]): unknown {
    if (of instanceof MethodSet || of instanceof GoStruct || of instanceof GoOpaque) {
      const method = Object.hasOwn(of.methods, name) ? of.methods[name] : undefined;
      if (method && method.length !== args.length)
        throw this.#error(operand, `wrong number of args for ${name}: want ${method.length} got ${args.length}`);
      if (method) return method(...args.map(String));
    }
    if (args.length > 0) throw this.#error(operand, `${name} has arguments but cannot be invoked as function`);
    if (of instanceof GoStruct && of.fields.has(name)) return of.fields.get(name);
    if (of instanceof GoStruct || of instanceof MethodSet || of instanceof GoOpaque)
      throw this.#error(operand, `can't evaluate field ${name} in type ${of.type}`);
    if (of instanceof NilPointer) throw this.#error(operand, `nil pointer evaluating ${of.type}.${name}`);
    if (of instanceof GoMap) return of.entries.has(name) ? of.entries.get(name) : NO_VALUE;
    if (isPlainMap(of)) {
      if (Object.hasOwn(of, name)) return of[name];
      if (this.#options.missingKeyFails) throw this.#error(operand, `map has no entry for key ${JSON.stringify(name)}`);
      return NO_VALUE;
    }
    if (of === undefined || of === null || of === NO_VALUE) {
      if (!this.#options.missingKeyFails) return NO_VALUE;
      throw this.#error(operand, `nil data; no entry for key ${JSON.stringify(name)}`);
    }
    throw this.#error(operand, `can't evaluate field ${name} in type interface {}`);
  }

  #error(place: { readonly at: number; readonly shown: string }, message: string): TemplateError {
    const before = this.#source.slice(0, place.at);
    const line = before.split('\n').length;
    const column = Buffer.byteLength(before.slice(before.lastIndexOf('\n') + 1));
    const shown = place.shown.length > MAX_QUOTED ? `${place.shown.slice(0, MAX_QUOTED)}...` : place.shown;
    return new TemplateError(
      `template: ${this.#whole}:${line}:${column}: executing ${JSON.stringify(this.#name)} at <${shown}>: ${message}`,
    );
  }
}
