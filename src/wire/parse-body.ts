/** From the bytes of a request to a checked value; errors are Docker's sentences, of kind `invalid`. */
import { NestingError, parseJsonText } from '../base/json-text.ts';
import * as v from 'valibot';
import { invalid } from '../base/errors.ts';
import { formatNumber, isGoInteger } from '../base/go-integer.ts';

/**
 * Parses and checks a JSON body. `typeName` is what Docker calls the structure, with its package
 * ('container.CreateRequest'); `complaint` begins the sentence of an error.
 */
export function parseBody<const S extends v.GenericSchema>(
  schema: S,
  typeName: string,
  body: string,
  complaint = 'invalid JSON',
): v.InferOutput<S> {
  return checkValue(schema, typeName, parseJson(body, complaint), complaint);
}

/** The same for a text that is one document (Go's Unmarshal), where a body is read from a stream (Go's Decoder). */
export function parseDocument<const S extends v.GenericSchema>(
  schema: S,
  typeName: string,
  text: string,
  complaint: string,
): v.InferOutput<S> {
  let value: unknown;
  try {
    value = parseJsonText(text);
  } catch (error) {
    const { message } = error as Error;
    const problem = error instanceof NestingError ? message : describeSyntaxError(text, message);
    throw invalid(`${complaint}: ${problem === ENDED ? 'unexpected end of JSON input' : problem}`);
  }
  return checkValue(schema, typeName, value, complaint);
}

export function checkValue<const S extends v.GenericSchema>(
  schema: S,
  typeName: string,
  value: unknown,
  complaint = 'invalid JSON',
): v.InferOutput<S> {
  const result = v.safeParse(schema, value ?? {}, { abortEarly: true }); // Go reads null as the zero value
  if (result.success) return result.output;
  throw invalid(`${complaint}: ${describeIssue(result.issues[0], typeName)}`);
}

export function parseJson(body: string, complaint = 'invalid JSON'): unknown {
  if (body.trim() === '') throw invalid(`${complaint}: got EOF while reading request body`);
  try {
    return parseJsonText(body);
  } catch (error) {
    const { message } = error as Error;
    const problem = error instanceof NestingError ? message : describeSyntaxError(body, message);
    throw invalid(problem.endsWith(TOO_MUCH) ? 'unexpected content after JSON' : `${complaint}: ${problem}`);
  }
}

/** "json: cannot unmarshal number into Go struct field Config.Image of type string" */
function describeIssue(issue: v.BaseIssue<unknown>, typeName: string): string {
  const path = (issue.path ?? []).map((item) => String(item.key)).join('.');
  const struct = typeName.slice(typeName.lastIndexOf('.') + 1);
  const field = path === '' ? `value of type ${typeName}` : `struct field ${struct}.${path} of type ${goType(issue)}`;
  return `json: cannot unmarshal ${isGoInteger(issue.message) ? numberOrType(issue.input) : jsonType(issue.input)} into Go ${field}`;
}

/** What is no number of the wanted type is shown. */
function numberOrType(value: unknown): string {
  return typeof value === 'number' ? `number ${formatNumber(value)}` : jsonType(value);
}

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (value === null || typeof value === 'object') return 'object';
  if (typeof value === 'number' && !Number.isInteger(value)) return `number ${value}`;
  if (typeof value === 'boolean') return 'bool';
  return typeof value;
}

function goType(issue: v.BaseIssue<unknown>): string {
  if (isGoInteger(issue.message)) return issue.message;
  const expected = issue.expected ?? issue.type;
  if (expected === 'Array' || issue.type === 'union') return '[]string';
  if (issue.type === 'check') return 'struct';
  if (expected === 'Object') return issue.type === 'record' ? 'map' : 'struct';
  if (expected === 'boolean') return 'bool';
  if (expected === 'string') return 'string';
  return 'int64';
}

const ENDED = 'unexpected EOF';
const TOO_MUCH = 'after top-level value';

/** Node says where; Go says what. The sentence is Go's as far as it can be told from the text. */
function describeSyntaxError(body: string, nodeMessage: string): string {
  if (/end of (JSON )?(input|data)|Unterminated/i.test(nodeMessage)) return ENDED;
  const position = Number(/at position (\d+)/.exec(nodeMessage)?.[1] ?? firstNonSpace(body));
  if (position >= body.trimEnd().length) return ENDED;
  const character = body[position] ?? body[firstNonSpace(body)] ?? '';
  if (/after JSON/i.test(nodeMessage)) return `invalid character '${character}' ${TOO_MUCH}`;
  const before = body.slice(0, position).trimEnd().slice(-1);
  const context =
    before === '{' || (before === ',' && /property name/i.test(nodeMessage))
      ? 'looking for beginning of object key string'
      : /Expected ','/.test(nodeMessage)
        ? nodeMessage.includes("']'")
          ? 'after array element'
          : 'after object key:value pair'
        : /Expected ':'/.test(nodeMessage)
          ? 'after object key'
          : 'looking for beginning of value';
  return `invalid character '${character}' ${context}`;
}

function firstNonSpace(body: string): number {
  return Math.max(0, body.search(/\S/));
}
