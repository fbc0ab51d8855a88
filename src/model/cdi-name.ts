/** Names of the Container Device Interface: vendor.com/class=device. The words are those of its own library. */
const LETTER = /^[A-Za-z]/;
const ENDS_WELL = /[A-Za-z0-9]$/;

export interface CdiKind {
  readonly vendor: string;
  readonly class: string;
}

/** 'vendor.com/class'; without a slash it is all class. */
export function splitKind(kind: string): CdiKind {
  const slash = kind.indexOf('/');
  if (slash <= 0 || slash === kind.length - 1) return { vendor: '', class: kind };
  return { vendor: kind.slice(0, slash), class: kind.slice(slash + 1) };
}

/** What is wrong with them; undefined where nothing is. */
export function kindProblem(kind: CdiKind): string | undefined {
  for (const part of ['vendor', 'class'] as const) {
    const problem = partProblem(kind[part]);
    if (problem !== undefined) return `invalid ${part}. ${problem}`;
  }
  return undefined;
}

function partProblem(name: string): string | undefined {
  if (name === '') return 'empty name';
  if (!LETTER.test(name)) return `${JSON.stringify(name)}, should start with letter`;
  const odd = /[^A-Za-z0-9_.-]/u.exec(name.slice(1, -1))?.[0];
  if (odd !== undefined) return `invalid character '${odd}' in name ${JSON.stringify(name)}`;
  return ENDS_WELL.test(name) ? undefined : `${JSON.stringify(name)}, should end with a letter or digit`;
}

export function deviceNameProblem(name: string): string | undefined {
  if (name === '') return 'invalid (empty) device name';
  if (!/^[A-Za-z0-9]/.test(name)) return `invalid class ${JSON.stringify(name)}, should start with a letter or digit`;
  const odd = /[^A-Za-z0-9_.:-]/u.exec(name.slice(1, -1))?.[0];
  if (odd !== undefined) return `invalid character '${odd}' in device name ${JSON.stringify(name)}`;
  return ENDS_WELL.test(name) ? undefined : `invalid name ${JSON.stringify(name)}, should end with a letter or digit`;
}

/** Whether that names a device: 'vendor.com/class=name', and no path. */
export function isCdiDevice(text: string): boolean {
  const equals = text.indexOf('=');
  if (text.startsWith('/') || equals <= 0) return false;
  return (
    kindProblem(splitKind(text.slice(0, equals))) === undefined &&
    deviceNameProblem(text.slice(equals + 1)) === undefined
  );
}
