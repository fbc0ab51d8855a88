/**
 * Where the output of containers goes, by their log driver. conmon writes it to a spool; from there pumps bring it to
 * the log (oci/logs). Neither needs the daemon: a spool that was left is found by the next one.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ZERO_TIME } from '../../base/clock.ts';
import { invalid, systemError } from '../../base/errors.ts';
import { compileAll } from '../../base/linear-match.ts';
import type { ContainerRecord } from '../../model/container.ts';
import { newId, shortId } from '../../model/ids.ts';
import { cacheDisabled, logLimits, ringBytes } from '../../model/log-config.ts';
import { expandLogTag, type TaggedContainer } from '../../model/log-tag.ts';
import { parseSyslogOptions } from '../../model/syslog-options.ts';
import type { LogTarget } from '../../oci/logs/log-pump.ts';
import type { LogFiles } from '../../oci/logs/log-segments.ts';
import type { LogKeeper } from '../../oci/logs/log-thread.ts';
import { newSpoolName, spoolNames } from '../../oci/logs/spool.ts';
import type { EngineConfig } from '../engine-config.ts';
import { containerPaths } from './container-paths.ts';

type Config = Pick<EngineConfig, 'dataRoot' | 'hostname'>;
type LoggedContainer = Pick<ContainerRecord, 'id' | 'name' | 'imageId' | 'path' | 'args' | 'createdAt' | 'spec'>;

/** conmon begins its file anew at this size, where a log has an end: also while no daemon is there. */
const MIN_SPOOL_BYTES = 256 * 1024 ** 2;

export class ContainerLogs {
  readonly #config: Config;
  readonly #keeper: LogKeeper;
  /** Containers that an earlier release has started, whose conmon writes the log itself. */
  readonly #unspooled = new Set<string>();

  constructor(config: Config, keeper: LogKeeper) {
    this.#config = config;
    this.#keeper = keeper;
  }

  /** What conmon is to write a run's output to; null: to nothing. */
  async begin(record: ContainerRecord): Promise<{ logPath: string | null; logMaxBytes?: number }> {
    if (record.spec.host.logConfig.type === 'none') return { logPath: null };
    const target = await this.#target(record);
    const directory = this.#spools(record.id);
    // At once: as turns of libuv's threads, which may all be busy, they would take most of the time of this step.
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const logPath = join(directory, newSpoolName());
    writeFileSync(logPath, '', { mode: 0o600, flag: 'wx' });
    this.#keeper.begin(record.id, logPath, target);
    return target.spoolBytes === undefined ? { logPath } : { logPath, logMaxBytes: target.spoolBytes };
  }

  /** Nothing more will be written. */
  ended(id: string): void {
    this.#unspooled.delete(id);
    this.#keeper.end(id);
  }

  /** When the daemon starts: what earlier ones have left is stored. */
  async recover(record: ContainerRecord, runs: boolean): Promise<void> {
    const { id } = record;
    if (record.spec.host.logConfig.type === 'none') return;
    const names = await spoolNames(this.#spools(id));
    if (names.length === 0) return void (runs && this.#unspooled.add(id));
    const target = await this.#target(record);
    for (const name of names) this.#keeper.begin(id, join(this.#spools(id), name), target);
    if (!runs) this.#keeper.end(id);
  }

  /** Resolves when what has been written by now can be read. */
  settled(id: string): Promise<void> {
    return this.#keeper.settled(id);
  }

  /** Its files are not written any more. */
  forget(id: string): Promise<void> {
    return this.#keeper.forget(id);
  }

  files({ id, spec }: ContainerRecord): LogFiles {
    const { jsonLog, localLog, log } = containerPaths(this.#config.dataRoot, id);
    const earlier = { path: log, format: 'plain' } as const;
    if (this.#unspooled.has(id)) return earlier;
    return spec.host.logConfig.type === 'json-file'
      ? { path: jsonLog, format: 'json', earlier }
      : { path: localLog, format: 'plain', earlier };
  }

  #spools(id: string): string {
    return join(containerPaths(this.#config.dataRoot, id).dir, 'spool');
  }

  async #target(record: ContainerRecord): Promise<LogTarget> {
    const { type, config } = record.spec.host.logConfig;
    const { jsonLog, localLog } = containerPaths(this.#config.dataRoot, record.id);
    const limits = logLimits(type, config);
    const spoolBytes = Math.max(MIN_SPOOL_BYTES, 4 * limits.maxBytes * limits.maxFiles);
    const place = { limits, ...(Number.isFinite(limits.maxBytes) && { spoolBytes }) };
    const attrs = await logAttributes(record, this.#config);
    if (type === 'journald' || type === 'syslog') {
      const forward = forwardTarget(record, attrs, this.#config);
      const ring = ringBytes(config);
      const format = { kind: cacheDisabled(config) ? 'nothing' : 'plain' } as const;
      return { path: localLog, format, ...place, forward, ...(ring !== undefined && { ringBytes: ring }) };
    }
    if (type !== 'json-file') return { path: localLog, format: { kind: 'plain' }, ...place };
    return { path: jsonLog, format: { kind: 'json', attrs: attrs.length === 0 ? '' : jsonObject(attrs) }, ...place };
  }
}

const JOURNALD = '/run/systemd/journal/socket';

function forwardTarget(
  record: ContainerRecord,
  attrs: readonly [key: string, value: string][],
  place: Config,
): NonNullable<LogTarget['forward']> {
  const { id, name, spec } = record;
  const { type, config } = spec.host.logConfig;
  const tag = expandLogTag(config['tag'] || '{{.ID}}', taggedContainer(record, place));
  if (type === 'syslog') {
    const { protocol, host, port, tls, format, facility } = parseSyslogOptions(config);
    const counted = protocol === 'tcp+tls' && format.startsWith('rfc5424');
    const form = { format, counted, facility, hostname: place.hostname, tag, pid: process.pid };
    return { kind: 'syslog', protocol, host, port, form, tls };
  }
  if (!existsSync(JOURNALD))
    throw systemError('failed to initialize logging driver: journald is not enabled on this host');
  const own = attrs.filter(([key]) => key !== 'tag').map(([key, value]) => [journaldName(key), value] as const);
  const fields = {
    CONTAINER_ID: shortId(id),
    CONTAINER_ID_FULL: id,
    CONTAINER_NAME: name,
    CONTAINER_TAG: tag,
    IMAGE_NAME: spec.image,
    SYSLOG_IDENTIFIER: tag,
    CONTAINER_LOG_EPOCH: newId(),
    ...Object.fromEntries(own.filter(([key]) => key !== '')),
  };
  return { kind: 'journald', socketPath: JOURNALD, fields };
}

/** Capitals, digits and underscores, and none of these in front. */
const journaldName = (key: string): string =>
  key
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, '_')
    .replace(/^_+/, '');

/** Shown by inspect: where json-file's lines are, once there can be any. */
export function shownLogPath(config: Pick<EngineConfig, 'dataRoot'>, { id, spec, state }: ContainerRecord): string {
  const started = state.startedAt !== ZERO_TIME;
  return started && spec.host.logConfig.type === 'json-file' ? containerPaths(config.dataRoot, id).jsonLog : '';
}

/**
 * What the options `labels`, `env`, their expressions and `tag` choose, in the order of the keys. @throws invalid where
 * an expression or the tag is none
 */
export async function logAttributes(record: LoggedContainer, place: Config): Promise<[key: string, value: string][]> {
  const { config } = record.spec.host.logConfig;
  const env = Object.fromEntries(
    record.spec.process.env.filter((entry) => entry.includes('=')).map((entry) => split(entry)),
  );
  const found = new Map<string, string>();
  for (const [option, all] of [
    ['labels', record.spec.labels],
    ['env', env],
  ] as const) {
    const names = new Set((config[option] ?? '').split(',').filter((name) => name !== ''));
    const matches = await expression(config[`${option}-regex`] ?? '');
    for (const [key, value] of Object.entries(all)) if (names.has(key) || matches(key)) found.set(key, value);
  }
  const tag = expandLogTag(config['tag'] ?? '', taggedContainer(record, place));
  if (tag !== '') found.set('tag', tag);
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}

const split = (entry: string): [string, string] => [
  entry.slice(0, entry.indexOf('=')),
  entry.slice(entry.indexOf('=') + 1),
];

async function expression(pattern: string): Promise<(text: string) => boolean> {
  if (pattern === '') return () => false;
  const [matches] = await compileAll([pattern]);
  if (!matches)
    throw invalid(`failed to initialize logging driver: error parsing regexp: invalid expression: \`${pattern}\``);
  return matches;
}

function taggedContainer(record: LoggedContainer, { dataRoot, hostname }: Config): TaggedContainer {
  const { id, name, imageId, path, args, createdAt, spec } = record;
  const { type, config } = spec.host.logConfig;
  return {
    id,
    name,
    path,
    args,
    imageId,
    image: spec.image,
    createdAt,
    env: spec.process.env,
    labels: spec.labels,
    options: config,
    logPath: type === 'json-file' ? containerPaths(dataRoot, id).jsonLog : '',
    hostname,
  };
}

/** As Go writes it, where a page could be made of it. */
function jsonObject(entries: readonly [string, string][]): string {
  return JSON.stringify(Object.fromEntries(entries)).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
