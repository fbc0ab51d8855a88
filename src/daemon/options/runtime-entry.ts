/** A runtime of "runtimes" in the file: a program and its arguments. A shim of containerd counts as what it is named. */
export interface RuntimeEntry {
  readonly path: string;
  readonly args: readonly string[];
}

/** 'io.containerd.runc.v2' runs `BinaryName` of its options, or runc. Undefined: not of the shape. */
export function parseRuntimeEntry(value: unknown): RuntimeEntry | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { path = '', runtimeArgs = [], runtimeType = '', options = {} } = value as Record<string, unknown>;
  if (typeof path !== 'string' || typeof runtimeType !== 'string') return undefined;
  const args = runtimeArgs ?? [];
  if (!Array.isArray(args) || !args.every((one) => typeof one === 'string')) return undefined;
  if (path !== '') return runtimeType === '' ? { path, args } : undefined;
  if (runtimeType === '') return undefined;
  const binary = (options as Record<string, unknown> | null)?.['BinaryName'];
  if (runtimeType === 'io.containerd.runc.v2')
    return { path: typeof binary === 'string' && binary !== '' ? binary : 'runc', args: [] };
  return { path: runtimeType, args: [] };
}
