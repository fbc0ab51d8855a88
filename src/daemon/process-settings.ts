/** Settings of the daemon's own process, and of its resolver's. */
import { writeFileSync } from 'node:fs';
import { errorMessage } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { redactedUrlText } from '../base/redacted-url.ts';
import type { ProxyConfig } from './config-shape.ts';

/** As dockerd: what the configuration says replaces what the environment says. */
export function setProxies({ httpProxy, httpsProxy, noProxy }: ProxyConfig, log: Log): void {
  for (const [name, value] of [
    ['HTTP_PROXY', httpProxy],
    ['HTTPS_PROXY', httpsProxy],
    ['NO_PROXY', noProxy],
  ] as const) {
    if (value === '') continue;
    const before = process.env[name] ?? process.env[name.toLowerCase()];
    if (before !== undefined && before !== '' && before !== value)
      log.warn(
        { name, old: redactedUrlText(before), new: redactedUrlText(value) },
        'overriding existing proxy variable with value from configuration',
      );
    process.env[name] = value;
    delete process.env[name.toLowerCase()];
  }
}

/** Containers have scores of their own; monitors and the resolver have the daemon's. */
export function adjustOomScore(score: number, log: Log): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', String(score));
  } catch (error) {
    log.warn({ score, error: errorMessage(error) }, 'the OOM score of the daemon could not be set');
  }
}

/** V8 keeps little room for young objects: hot paths make none, and idle memory is what counts. */
export const RESOLVER_FLAGS = ['--max-semi-space-size=1', '--max-old-space-size=256', '--expose-gc', '--no-warnings'];

/** One thread works there: freed memory in arenas of V8's helpers would only lie there. */
export const resolverEnvironment = () => ({ PATH: process.env['PATH'], MALLOC_ARENA_MAX: '1' });
