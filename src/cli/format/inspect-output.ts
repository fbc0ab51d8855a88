/**
 * What `inspect` prints: the objects as an indented JSON array, or a template for each. A template sees Go's types
 * first and, where these lack what it names, the JSON as it is.
 */
import { StatusError } from '../command/status-error.ts';
import { asGoValue } from '../template/go-shapes.ts';
import { Template, TemplateError } from '../../base/template/template.ts';
import { shown } from '../terminal/output.ts';
import { indentJson } from './json-indent.ts';

export interface InspectedObject {
  /** The daemon's answer, to the letter. */
  readonly raw: string;
  /** Its Go type, of template/go-shapes.ts. */
  readonly type: string;
}

/** One that fails on one object fails on all. */
export class TemplateFailure extends StatusError {}

export class InspectOutput {
  readonly #template: Template | undefined;
  readonly #asJson: boolean;
  readonly #raw: string[] = [];
  #text = '';

  constructor(format: string) {
    this.#asJson = format === 'json';
    try {
      this.#template = format === '' || this.#asJson ? undefined : new Template(format);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      throw new TemplateFailure(`template parsing error: ${error.message}`, 64);
    }
  }

  /** Throws TemplateFailure if the template does not fit the object. */
  add({ raw, type }: InspectedObject): void {
    if (!this.#template) {
      this.#raw.push(raw.trim());
      return;
    }
    const json = JSON.parse(raw) as unknown;
    let line: string;
    try {
      line = this.#template.execute(asGoValue(type, json), { show: shown });
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      try {
        line = this.#template.execute(json, { missingKeyFails: true, show: shown });
      } catch (second) {
        if (!(second instanceof TemplateError)) throw second;
        throw new TemplateFailure(`template parsing error: ${second.message}`);
      }
    }
    this.#text += `${line}\n`;
  }

  /** Everything that was added, its values as the terminal shows them. */
  text(): string {
    if (this.#template) return this.#text === '' ? '\n' : this.#text;
    if (this.#raw.length === 0) return '[]\n';
    return shown(this.#asJson ? `${indentless(this.#raw)}\n` : `${indentJson(`[${this.#raw.join(',')}]`)}\n`);
  }
}

const indentless = (objects: readonly string[]) => `[${objects.join(',')}]`;
