/** -o: what becomes of what was built. Without it, an image of the daemon. */
import { StatusError } from '../command/status-error.ts';
import type { FlagSet } from '../command/flag-set.ts';
import { splitCsv } from '../format/csv.ts';

export type BuildOutput =
  /** In the daemon's list; pushed, too. */
  | { readonly kind: 'image'; readonly names: readonly string[]; readonly push: boolean }
  /** An archive of the image, as `save` makes it. */
  | { readonly kind: 'docker'; readonly names: readonly string[]; readonly to: string }
  /** Its files: in a directory, or an archive of them. */
  | { readonly kind: 'local' | 'tar'; readonly to: string };

const KINDS = ['image', 'docker', 'local', 'tar', 'registry'];

/** @throws StatusError */
export function outputOf(flags: FlagSet): BuildOutput {
  const output = readOutput(flags.list('output'));
  if (!flags.bool('push')) return output;
  if (output.kind !== 'image') throw new StatusError('push and output other than an image cannot be used together');
  return { ...output, push: true };
}

/** A directory, '-', or fields as TYPE=...; '-' of `to` is standard output. */
function readOutput(values: readonly string[]): BuildOutput {
  const [text, ...others] = values;
  if (text === undefined) return { kind: 'image', names: [], push: false };
  if (others.length > 0) throw new StatusError('multiple outputs are not supported: one build has one output');
  const fields = splitCsv(text);
  if (fields.length === 1 && !text.includes('='))
    return text === '-' ? { kind: 'tar', to: '-' } : { kind: 'local', to: text };
  const { type = '', dest = '', name = '', push, ...rest } = attributesOf(fields);
  if (type === '') throw new StatusError('type is required for output');
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new StatusError(`output ${type} has no attribute ${JSON.stringify(unknown)} here`);
  const names = name.split(',').filter((one) => one !== '');
  switch (type) {
    case 'local':
      if (dest === '') throw new StatusError('dest is required for local output');
      if (dest === '-') throw new StatusError('dest cannot be stdout for local output');
      return { kind: type, to: dest };
    case 'tar':
      return { kind: type, to: dest || '-' };
    case 'docker':
      return dest === '' ? { kind: 'image', names, push: false } : { kind: type, names, to: dest };
    case 'image':
    case 'registry':
      return { kind: 'image', names, push: type === 'registry' || push === 'true' || push === '' };
    default:
      throw new StatusError(`output type ${JSON.stringify(type)} is not there: it may be ${KINDS.join(', ')}`);
  }
}

function attributesOf(fields: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    fields.map((field) => {
      const equals = field.indexOf('=');
      if (equals < 0) throw new StatusError(`invalid value ${field}`);
      return [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
    }),
  );
}
