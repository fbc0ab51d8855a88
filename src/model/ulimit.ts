/** A resource limit as it is written, nofile=1024:2048: soft and hard; one number sets both, -1 means no limit. */
export interface UlimitSpec {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

const NAMES = new Set([
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
]);

/** @throws Error in Docker's words */
export function parseUlimit(value: string): UlimitSpec {
  const at = value.indexOf('=');
  if (at === -1) throw new Error(`invalid ulimit argument: ${value}`);
  const [name, limits] = [value.slice(0, at), value.slice(at + 1)];
  if (!NAMES.has(name)) throw new Error(`invalid ulimit type: ${name}`);
  const [softText, hardText, ...more] = limits.split(':');
  if (more.length > 0)
    throw new Error(`too many limit value arguments - ${limits}, can only have up to two, \`soft[:hard]\``);
  const soft = parseLimit(softText ?? '');
  const hard = hardText === undefined ? soft : parseLimit(hardText);
  if (hard !== -1 && (soft > hard || soft === -1)) {
    throw new Error(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
  }
  return { name, soft, hard };
}

function parseLimit(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}
