/** '-v' as clients send it: 'source:target[:mode]'. Which modes there are, and how often each may be given, is Docker's. */
import { isAbsolute } from 'node:path';
import { invalid } from '../../base/errors.ts';
import { cleanTarget } from './mount-target.ts';

export interface BindText {
  /** A path of the host, or the name of a volume. */
  readonly source: string;
  readonly isPath: boolean;
  /** Clean. */
  readonly target: string;
  /** As it was given; '' = none. */
  readonly mode: string;
  readonly readonly: boolean;
  readonly propagation: string; // '' = none was asked for
  readonly noCopy: boolean;
}

/** Each mode belongs to one group, and a group may be given once. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  access: ['ro', 'rw'],
  label: ['z', 'Z'],
  propagation: ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'],
  copy: ['nocopy'],
  consistency: ['consistent', 'cached', 'delegated'],
};

/** @throws invalid in Docker's words */
export function parseBindText(text: string): BindText {
  const parts = text.split(':');
  const [source = '', target, mode = ''] = parts;
  if (parts.length > 3 || target === undefined || target === '')
    throw invalid(`invalid volume specification: '${text}'`);
  const isPath = isAbsolute(source);
  const wrong = (reason: string) =>
    invalid(
      `invalid volume specification: '${text}': invalid mount config for type "${isPath ? 'bind' : 'volume'}": ${reason}`,
    );
  const given = parseMode(mode);
  if (isPath && given.copy !== undefined) throw wrong('field VolumeOptions must not be specified');
  if (!isPath && given.propagation !== undefined) throw wrong('field BindOptions must not be specified');
  return {
    source,
    isPath,
    target: cleanTarget(target, wrong),
    mode,
    readonly: given.access === 'ro',
    propagation: given.propagation ?? '',
    noCopy: given.copy !== undefined,
  };
}

type Given = Partial<Record<'access' | 'label' | 'propagation' | 'copy' | 'consistency', string>>;

function parseMode(mode: string): Given {
  const given: Record<string, string> = {};
  for (const option of mode === '' ? [] : mode.split(',')) {
    const group = Object.keys(GROUPS).find((name) => GROUPS[name]!.includes(option));
    if (group === undefined || given[group] !== undefined) throw invalid(`invalid mode: ${mode}`);
    given[group] = option;
  }
  return given;
}
