/**
 * The image config blob (OCI's and Docker's schema 2 have the same fields): read into the engine's model, and written
 * for images made here. The blob's digest is the image's id, so what came from elsewhere is kept byte for byte and
 * never written again.
 */
import { parseJsonText } from '../base/json-text.ts';
import { invalid } from '../base/errors.ts';
import { readGoInteger, type GoInteger } from '../base/go-integer.ts';
import type { Healthcheck } from '../model/health.ts';
import type { ImageConfig, ImageHistory } from '../model/image.ts';
import { MAX_DOCUMENT_BYTES } from './blob-store.ts';
import { checkImageConfig } from './image-config-check.ts';

export interface ParsedImageConfig {
  readonly createdAt: string;
  readonly author: string;
  readonly architecture: string;
  readonly variant: string;
  readonly os: string;
  readonly config: ImageConfig;
  readonly history: readonly ImageHistory[];
  readonly diffIds: readonly string[];
  readonly comment: string;
}

export const EMPTY_IMAGE_CONFIG: ImageConfig = {
  user: '',
  env: [],
  entrypoint: null,
  cmd: null,
  workingDir: '',
  exposedPorts: [],
  volumes: [],
  labels: {},
  stopSignal: '',
  healthcheck: null,
  shell: null,
  onBuild: null,
};

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown) => (typeof value === 'string' ? value : '');
const count = (value: unknown, type: GoInteger) => readGoInteger(value, type) ?? 0;
const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
const textsOrNull = (value: unknown) => (Array.isArray(value) ? texts(value) : null);
/** Go's strslice: one text is a list of one. */
const commandOrNull = (value: unknown) => (typeof value === 'string' ? [value] : textsOrNull(value));
const keys = (value: unknown) => (isObject(value) ? Object.keys(value) : []);

/**
 * The configuration of an image that comes in, or is made. @throws invalid, naming the field, what clients could not
 * read; what is too long to be read again
 */
export function acceptImageConfig(content: Buffer | string): ParsedImageConfig {
  const bytes = Buffer.byteLength(content);
  if (bytes > MAX_DOCUMENT_BYTES) {
    throw invalid(
      `the image configuration is ${bytes} bytes long, and at most ${MAX_DOCUMENT_BYTES} are taken: make the image with a shorter command, environment, labels or history`,
    );
  }
  const json = readImageJson(content);
  checkImageConfig(json);
  return parsedConfig(json);
}

/** That of an image that is here already: whatever of it can be read. */
export function parseImageConfig(content: Buffer | string): ParsedImageConfig {
  return parsedConfig(readImageJson(content));
}

function readImageJson(content: Buffer | string): Json {
  let json: unknown;
  try {
    json = parseJsonText(content.toString());
  } catch (error) {
    throw invalid('invalid image JSON', error);
  }
  if (!isObject(json)) throw invalid('invalid image JSON');
  if (!isObject(json['rootfs'])) throw invalid('invalid image JSON, no RootFS key');
  return json;
}

function parsedConfig(json: Json): ParsedImageConfig {
  const rootfs = json['rootfs'] as Json;
  return {
    createdAt: text(json['created']),
    author: text(json['author']),
    architecture: text(json['architecture']),
    variant: text(json['variant']),
    os: text(json['os']) || 'linux',
    config: parseConfig(json['config']),
    history: (Array.isArray(json['history']) ? json['history'] : []).filter(isObject).map((entry) => ({
      createdAt: text(entry['created']),
      createdBy: text(entry['created_by']),
      comment: text(entry['comment']),
      author: text(entry['author']),
      emptyLayer: entry['empty_layer'] === true,
    })),
    diffIds: texts(rootfs['diff_ids']),
    comment: text(json['comment']),
  };
}

function parseConfig(json: unknown): ImageConfig {
  if (!isObject(json)) return EMPTY_IMAGE_CONFIG;
  return {
    user: text(json['User']),
    env: texts(json['Env']),
    entrypoint: commandOrNull(json['Entrypoint']),
    cmd: commandOrNull(json['Cmd']),
    workingDir: text(json['WorkingDir']),
    exposedPorts: keys(json['ExposedPorts']),
    volumes: keys(json['Volumes']),
    labels: isObject(json['Labels'])
      ? Object.fromEntries(Object.entries(json['Labels']).map(([key, value]) => [key, text(value)]))
      : {},
    stopSignal: text(json['StopSignal']),
    healthcheck: parseHealthcheck(json['Healthcheck']),
    shell: commandOrNull(json['Shell']),
    onBuild: textsOrNull(json['OnBuild']),
    ...(json['ArgsEscaped'] === true ? { argsEscaped: true } : {}),
  };
}

function parseHealthcheck(json: unknown): Healthcheck | null {
  if (!isObject(json)) return null;
  return {
    test: texts(json['Test']),
    intervalNs: count(json['Interval'], 'time.Duration'),
    timeoutNs: count(json['Timeout'], 'time.Duration'),
    startPeriodNs: count(json['StartPeriod'], 'time.Duration'),
    startIntervalNs: count(json['StartInterval'], 'time.Duration'),
    retries: count(json['Retries'], 'int'),
  };
}

/** The config blob of an image made here. */
export function formatImageConfig(image: ParsedImageConfig): string {
  return JSON.stringify({
    ...(image.architecture ? { architecture: image.architecture } : {}),
    ...(image.author ? { author: image.author } : {}),
    ...(image.comment ? { comment: image.comment } : {}),
    config: formatConfig(image.config),
    ...(image.createdAt ? { created: image.createdAt } : {}),
    history: image.history.map((entry) => ({
      // Builders leave it out of images that are to be the same each time; an empty date would be none.
      ...(entry.createdAt ? { created: entry.createdAt } : {}),
      ...(entry.author ? { author: entry.author } : {}),
      ...(entry.createdBy ? { created_by: entry.createdBy } : {}),
      ...(entry.comment ? { comment: entry.comment } : {}),
      ...(entry.emptyLayer ? { empty_layer: true } : {}),
    })),
    os: image.os,
    rootfs: { type: 'layers', diff_ids: image.diffIds },
    ...(image.variant ? { variant: image.variant } : {}),
  });
}

function formatConfig(config: ImageConfig): Json {
  const set = (items: readonly string[]) => Object.fromEntries([...items].sort().map((item) => [item, {}]));
  const check = config.healthcheck;
  return {
    ...(config.user ? { User: config.user } : {}),
    ...(config.exposedPorts.length > 0 ? { ExposedPorts: set(config.exposedPorts) } : {}),
    ...(config.env.length > 0 ? { Env: config.env } : {}),
    ...(config.entrypoint ? { Entrypoint: config.entrypoint } : {}),
    ...(config.cmd ? { Cmd: config.cmd } : {}),
    ...(config.volumes.length > 0 ? { Volumes: set(config.volumes) } : {}),
    ...(config.workingDir ? { WorkingDir: config.workingDir } : {}),
    ...(Object.keys(config.labels).length > 0 ? { Labels: config.labels } : {}),
    ...(config.stopSignal ? { StopSignal: config.stopSignal } : {}),
    ...(check
      ? {
          Healthcheck: {
            ...(check.test.length > 0 ? { Test: check.test } : {}),
            ...(check.intervalNs ? { Interval: check.intervalNs } : {}),
            ...(check.timeoutNs ? { Timeout: check.timeoutNs } : {}),
            ...(check.startPeriodNs ? { StartPeriod: check.startPeriodNs } : {}),
            ...(check.startIntervalNs ? { StartInterval: check.startIntervalNs } : {}),
            ...(check.retries ? { Retries: check.retries } : {}),
          },
        }
      : {}),
    ...(config.shell ? { Shell: config.shell } : {}),
    ...(config.onBuild ? { OnBuild: config.onBuild } : {}),
    ...(config.argsEscaped ? { ArgsEscaped: true } : {}),
  };
}
