/**
 * What Docker refuses in an image's configuration, whichever way it comes: fields of another type than Go's structures
 * have. Clients read what is shown of an image with these types, so one that came through would be an image, and
 * containers, that `inspect` fails for. The words are Go's and name the field.
 */
import { invalid } from '../base/errors.ts';
import { formatNumber, readGoInteger, type GoInteger } from '../base/go-integer.ts';

type Path = readonly string[];
/** A complaint, or nothing. Null and a field that is missing are fine everywhere. */
type Shape = (value: unknown, path: Path) => string | undefined;

const LAST_IS_INDEX = /^\d+$/;

function mismatch(value: unknown, path: Path, type: string, shown = kindOf(value)): string {
  const place = `Image.${path.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1')).join('.')}`.slice(0, 200);
  return `json: cannot unmarshal ${shown} into ${LAST_IS_INDEX.test(path.at(-1) ?? '') ? '' : 'Go struct field '}${place} of type ${type}`;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isAbsent = (value: unknown) => value === undefined || value === null;

const text: Shape = (value, path) =>
  isAbsent(value) || typeof value === 'string' ? undefined : mismatch(value, path, 'string');
const flag: Shape = (value, path) =>
  isAbsent(value) || typeof value === 'boolean' ? undefined : mismatch(value, path, 'bool');

function whole(type: GoInteger): Shape {
  return (value, path) => {
    if (isAbsent(value) || readGoInteger(value, type) !== undefined) return undefined;
    return mismatch(value, path, type, typeof value === 'number' ? `number ${formatNumber(value)}` : kindOf(value));
  };
}

const TIME = /^\d{4}-(\d{2})-(\d{2})T(\d{2}):\d{2}:\d{2}([.,]\d+)?(Z|[+-]\d{2}:\d{2})$/;

const time: Shape = (value, path) => {
  if (isAbsent(value)) return undefined;
  if (typeof value !== 'string') return mismatch(value, path, 'time.Time');
  if (TIME.test(value) && !Number.isNaN(Date.parse(value.replace(',', '.')))) return undefined;
  return `parsing time ${JSON.stringify(value.slice(0, 64))} as "2006-01-02T15:04:05Z07:00": it is none (Image.${path.join('.')})`;
};

function list(item: Shape, type: string): Shape {
  return (value, path) => {
    if (isAbsent(value)) return undefined;
    if (!Array.isArray(value)) return mismatch(value, path, type);
    for (const [i, one] of value.entries()) {
      const complaint = item(one, [...path, String(i)]);
      if (complaint !== undefined) return complaint;
    }
    return undefined;
  };
}

function map(item: Shape, type: string): Shape {
  return (value, path) => {
    if (isAbsent(value)) return undefined;
    if (!isObject(value)) return mismatch(value, path, type);
    for (const [key, one] of Object.entries(value)) {
      const complaint = item(one, [...path, key]);
      if (complaint !== undefined) return complaint;
    }
    return undefined;
  };
}

function struct(fields: Readonly<Record<string, Shape>>, type: string): Shape {
  const entries = Object.entries(fields);
  return (value, path) => {
    if (isAbsent(value)) return undefined;
    if (!isObject(value)) return mismatch(value, path, type);
    for (const [name, shape] of entries) {
      const complaint = shape(value[name], [...path, name]);
      if (complaint !== undefined) return complaint;
    }
    return undefined;
  };
}

const texts = list(text, '[]string');
const nothing: Shape = (value, path) =>
  isAbsent(value) || isObject(value) ? undefined : mismatch(value, path, 'struct {}');
const command: Shape = (value, path) => (typeof value === 'string' ? undefined : texts(value, path));
const duration = whole('time.Duration');

const healthcheck = struct(
  {
    Test: texts,
    Interval: duration,
    Timeout: duration,
    StartPeriod: duration,
    StartInterval: duration,
    Retries: whole('int'),
  },
  'v1.HealthcheckConfig',
);

const config = struct(
  {
    Hostname: text,
    Domainname: text,
    User: text,
    AttachStdin: flag,
    AttachStdout: flag,
    AttachStderr: flag,
    ExposedPorts: map(nothing, 'nat.PortSet'),
    Tty: flag,
    OpenStdin: flag,
    StdinOnce: flag,
    Env: texts,
    Cmd: command,
    Healthcheck: healthcheck,
    ArgsEscaped: flag,
    Image: text,
    Volumes: map(nothing, 'map[string]struct {}'),
    WorkingDir: text,
    Entrypoint: command,
    NetworkDisabled: flag,
    MacAddress: text,
    OnBuild: texts,
    Labels: map(text, 'map[string]string'),
    StopSignal: text,
    StopTimeout: whole('int'),
    Shell: command,
  },
  'container.Config',
);

const history = struct(
  { created: time, author: text, created_by: text, comment: text, empty_layer: flag },
  'v1.History',
);

const image = struct(
  {
    id: text,
    parent: text,
    comment: text,
    created: time,
    container: text,
    container_config: config,
    docker_version: text,
    author: text,
    config,
    architecture: text,
    variant: text,
    os: text,
    Size: whole('int64'),
    rootfs: struct({ type: text, diff_ids: list(text, '[]layer.DiffID') }, 'image.RootFS'),
    history: list(history, '[]v1.History'),
    'os.version': text,
    'os.features': texts,
  },
  'image.Image',
);

/** To be called with every configuration that comes in. @throws invalid */
export function checkImageConfig(json: Readonly<Record<string, unknown>>): void {
  const complaint = image(json, []) ?? layersComplaint(json);
  if (complaint !== undefined) throw invalid(complaint);
}

function layersComplaint({ history: lines, rootfs }: Readonly<Record<string, unknown>>): string | undefined {
  const layers = ((rootfs as { diff_ids?: unknown[] } | null | undefined)?.diff_ids ?? []).length;
  const filled = ((lines ?? []) as { empty_layer?: boolean }[]).filter((line) => line?.empty_layer !== true).length;
  return filled > layers ? 'too many non-empty layers in History section' : undefined;
}
