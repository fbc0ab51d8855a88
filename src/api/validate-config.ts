/** What runs in the container: working directory, stop signal, environment, health check. */
import { posix } from 'node:path';
import { invalid } from '../base/errors.ts';
import type { ConfigRequest, HealthcheckRequest } from '../wire/container-create.ts';
import { refuseSplit } from './one-word.ts';
import { isSignal } from './signals.ts';
import { totalBytes, validateLabels } from './validate-labels.ts';

const MILLISECOND_NS = 1_000_000;
/** More than the kernel allows at exec (ARG_MAX), variables and arguments together. */
const MAX_ENV_BYTES = 4 * 1024 * 1024;

/** Checks, and cleans the working directory in place as Docker does. */
export function validateConfig(config: ConfigRequest): void {
  if (config.WorkingDir !== '') {
    if (!config.WorkingDir.startsWith('/')) {
      throw invalid(`the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`);
    }
    config.WorkingDir = cleanPath(config.WorkingDir);
  }
  refuseSplit('hostname', config.Hostname);
  refuseSplit('domain name', config.Domainname);
  if (config.StopSignal !== '' && !isSignal(config.StopSignal)) throw invalid(`invalid signal: ${config.StopSignal}`);
  for (const variable of config.Env) {
    if (variable === '' || variable.startsWith('=')) throw invalid(`invalid environment variable: ${variable}`);
  }
  validateLabels(config.Labels);
  const envBytes = totalBytes(config.Env);
  if (envBytes > MAX_ENV_BYTES)
    throw invalid(`the environment is ${envBytes} bytes long: at most ${MAX_ENV_BYTES} reach a program`);
  if (config.Healthcheck) validateHealthcheck(config.Healthcheck);
}

function validateHealthcheck(check: HealthcheckRequest): void {
  for (const name of ['Interval', 'Timeout'] as const) refuseShort(name, check[name]);
  if (check.Retries < 0) throw invalid('Retries in Healthcheck cannot be negative');
  for (const name of ['StartPeriod', 'StartInterval'] as const) refuseShort(name, check[name]);
}

function refuseShort(name: string, ns: number): void {
  if (ns !== 0 && ns < MILLISECOND_NS) throw invalid(`${name} in Healthcheck cannot be less than 1ms`);
}

function cleanPath(path: string): string {
  const clean = posix.normalize(path);
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean;
}
