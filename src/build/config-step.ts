/** Instructions that change only what an image says: its new configuration, and the words of its history. */
import { posix } from 'node:path';
import { goDuration } from '../base/go-duration.ts';
import { invalid } from '../base/errors.ts';
import type { Healthcheck } from '../model/health.ts';
import type { ImageConfig } from '../model/image.ts';
import type { CommandForm, StageInstruction } from './dockerfile/instruction.ts';
import { exposedPorts } from '../model/exposed-ports.ts';
import { goQuotedList } from './go-quote.ts';

export interface ConfigChange {
  readonly config: ImageConfig;
  /** As in the history: 'ENV A=b'. */
  readonly comment: string;
}

export interface WordReaders {
  readonly word: (text: string) => string;
  readonly words: (text: string) => string[];
}

const DEFAULT_SHELL: readonly string[] = ['/bin/sh', '-c'];

export const shellOf = ({ shell }: ImageConfig): readonly string[] => (shell?.length ? shell : DEFAULT_SHELL);

export function commandWords(config: ImageConfig, { words, isShell }: CommandForm): string[] {
  return isShell ? [...shellOf(config), ...words] : [...words];
}

/** `cmdIsOwn`: the stage itself has set CMD. Undefined: the instruction does more than that. */
export function changeConfig(
  config: ImageConfig,
  instruction: StageInstruction,
  { word, words }: WordReaders,
  cmdIsOwn: boolean,
): ConfigChange | undefined {
  switch (instruction.kind) {
    case 'env': {
      const pairs = instruction.pairs.map(({ key, value }) => [word(key), word(value)] as const);
      const env = pairs.reduce((list, [key, value]) => withVariable(list, key, value), config.env);
      return { config: { ...config, env }, comment: `ENV ${joined(pairs)}` };
    }
    case 'label': {
      const pairs = instruction.pairs.map(({ key, value }) => [word(key), word(value)] as const);
      const labels = Object.fromEntries([...Object.entries(config.labels), ...pairs]);
      return { config: { ...config, labels }, comment: `LABEL ${joined(pairs)}` };
    }
    case 'cmd': {
      const cmd = commandWords(config, instruction.command);
      return { config: { ...config, cmd }, comment: `CMD ${goQuotedList(cmd)}` };
    }
    case 'entrypoint': {
      const entrypoint = commandWords(config, instruction.command);
      return {
        config: {
          ...config,
          entrypoint: entrypoint.length > 0 ? entrypoint : null,
          // It does not get the arguments that were meant for another.
          cmd: cmdIsOwn ? config.cmd : null,
        },
        comment: `ENTRYPOINT ${goQuotedList(entrypoint)}`,
      };
    }
    case 'shell':
      return {
        config: { ...config, shell: instruction.words },
        comment: `SHELL [${instruction.words.join(' ')}]`,
      };
    case 'healthcheck':
      return { config: { ...config, healthcheck: instruction.check }, comment: healthComment(instruction.check) };
    case 'expose': {
      const ports = instruction.items.flatMap(words);
      const exposed = [...new Set([...config.exposedPorts, ...ports.flatMap(exposedPorts)])];
      return { config: { ...config, exposedPorts: exposed }, comment: `EXPOSE ${ports.join(' ')}` };
    }
    case 'volume': {
      const volumes = instruction.items.map(word);
      if (volumes.includes('')) throw invalid('VOLUME specified can not be an empty string');
      return {
        config: { ...config, volumes: [...new Set([...config.volumes, ...volumes])] },
        comment: `VOLUME [${volumes.join(' ')}]`,
      };
    }
    case 'user': {
      const user = word(instruction.text);
      return { config: { ...config, user }, comment: `USER ${user}` };
    }
    case 'stopsignal': {
      const stopSignal = word(instruction.text);
      if (!/^(\d{1,2}|[A-Za-z0-9+-]+)$/.test(stopSignal)) throw invalid(`Invalid signal: ${stopSignal}`);
      return { config: { ...config, stopSignal }, comment: `STOPSIGNAL ${stopSignal}` };
    }
    case 'maintainer':
      return { config, comment: `MAINTAINER ${instruction.text}` };
    case 'onbuild':
      return {
        config: { ...config, onBuild: [...(config.onBuild ?? []), instruction.expression] },
        comment: `ONBUILD ${instruction.expression}`,
      };
    default:
      return undefined;
  }
}

const joined = (pairs: readonly (readonly [string, string])[]): string =>
  pairs.map(([key, value]) => `${key}=${value}`).join(' ');

function withVariable(env: readonly string[], key: string, value: string): string[] {
  const line = `${key}=${value}`;
  const at = env.findIndex((item) => item === key || item.startsWith(`${key}=`));
  return at < 0 ? [...env, line] : env.map((item, i) => (i === at ? line : item));
}

function healthComment(check: Healthcheck): string {
  const times = [check.intervalNs, check.timeoutNs, check.startPeriodNs, check.startIntervalNs];
  const words = [`[${check.test.join(' ')}]`, ...times.map(goDuration), check.retries];
  return `HEALTHCHECK &{${words.join(' ')}}`;
}

/** Go's normalizeWorkdir: below what was before. */
export function workingDirectory(before: string, path: string): string {
  if (path === '') throw invalid('cannot normalize nothing');
  return posix.resolve('/', before, path);
}
