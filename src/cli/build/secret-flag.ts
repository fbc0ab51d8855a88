/** --secret id=NAME,src=FILE or id=NAME,env=VARIABLE, once for each: read when the build is sent, never shown. */
import { readFileSync, statSync } from 'node:fs';
import { StatusError } from '../command/status-error.ts';
import type { FlagType } from '../command/flag-types.ts';
import { goFileError } from '../container/variable-file.ts';
import { splitCsv } from '../format/csv.ts';

/** BuildKit's. */
const MAX_SECRET_BYTES = 500 * 1024;

interface Secret {
  readonly id: string;
  readonly file: string;
  readonly variable: string;
}

export const secretType: FlagType = {
  label: 'stringArray',
  zero: [],
  set: (raw, before) => [...((before as Secret[] | undefined) ?? []), readSecret(raw)],
};

function readSecret(text: string): Secret {
  let [id, file, variable, kind] = ['', '', '', ''];
  for (const field of splitCsv(text)) {
    const equals = field.indexOf('=');
    if (equals < 0) throw new Error(`invalid field '${field}' must be a key=value pair`);
    const [key, value] = [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
    if (key === 'type') {
      if (value !== 'file' && value !== 'env') throw new Error(`unsupported secret type ${JSON.stringify(value)}`);
      kind = value;
    } else if (key === 'id') id = value;
    else if (key === 'source' || key === 'src') file = value;
    else if (key === 'env') variable = value;
    else throw new Error(`unexpected key '${key}' in '${field}'`);
  }
  if (id === '') throw new Error('secret missing ID');
  if (kind === 'env' && variable === '') [variable, file] = [file, ''];
  return { id, file, variable };
}

/** Their values by id, as base64. @throws StatusError */
export function secretValues(secrets: readonly Secret[]): Record<string, string> {
  return Object.fromEntries(secrets.map((secret) => [secret.id, valueOf(secret).toString('base64')]));
}

function valueOf({ id, file, variable }: Secret): Buffer {
  // Only a name: that of a variable, or else of a file.
  const isVariable = variable !== '' || (file === '' && process.env[id] !== undefined);
  const value = isVariable ? Buffer.from(process.env[variable || id] ?? '') : fileContent(id, file || id);
  if (value.length > MAX_SECRET_BYTES) throw new StatusError(`secret ${id} too big. max size 500KB`);
  return value;
}

function fileContent(id: string, path: string): Buffer {
  try {
    if (statSync(path).size > MAX_SECRET_BYTES) throw new StatusError(`secret ${id} too big. max size 500KB`);
    return readFileSync(path);
  } catch (error) {
    if (error instanceof StatusError) throw error;
    throw new StatusError(`failed to stat ${path}: ${goFileError(error, 'stat', path)}`);
  }
}
