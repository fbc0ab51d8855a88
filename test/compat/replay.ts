/**
 * Replays a scenario (a list of "$ command" lines) on an engine and gives what a user sees, in the form of the
 * transcripts that were taken of a real Docker: standard output as it is, standard error with "! " in front, an exit
 * code other than 0 as "? code".
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { testEnvironment } from '../harness/host.ts';
import type { TestEngine } from '../harness/test-engine.ts';

/** A server that was started a moment ago may not listen yet. */
const PATIENT_CURL = 'curl --retry 4 --retry-delay 1 --retry-connrefused ';

export function replayScenario(engine: TestEngine, path: string, docker = 'docker'): string {
  const sh = (command: string): { out: string; err: string; code: number | string } => {
    // Node's pipes are sockets, which bash takes for a remote login and reads ~/.bashrc, unless told not to.
    const result = spawnSync('nsenter', [`--net=${engine.host.netns}`, 'bash', '--norc', '-c', command], {
      encoding: 'utf8',
      timeout: 60_000,
      input: '',
      env: { ...testEnvironment(), DOCKER_HOST: engine.url, NETNS: engine.host.netns },
    });
    return { out: result.stdout ?? '', err: result.stderr ?? '', code: result.status ?? 'killed' };
  };
  const clean = (): void => void sh(`${docker} rm -f $(${docker} ps -aq); ${docker} network prune -f`);
  clean();
  let seen = '';
  const pools: string[] = [];
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    if (!line.startsWith('$ ')) continue;
    const { out, err, code } = sh(
      line
        .slice(2)
        .replace(/^docker /, `${docker} `)
        .replace(/^curl /, PATIENT_CURL),
    );
    seen += `${line}\n${normalise(out, pools)}`;
    if (!seen.endsWith('\n')) seen += '\n';
    seen += normalise(err, pools)
      .split('\n')
      .filter(Boolean)
      .map((text) => `! ${text}\n`)
      .join('');
    if (code !== 0) seen += `? ${code}\n`;
  }
  clean();
  return seen;
}

/**
 * Replaces what differs from run to run: ids, times, MAC addresses, ephemeral ports, subnets out of the default pools.
 */
function normalise(text: string, pools: string[]): string {
  return (
    text
      .replace(
        /\b(172\.(?:1[89]|2\d|3[01])\.\d+|192\.168\.\d+)\.(\d+)(?:\/(?:16|20))?/g,
        (_, prefix: string, host: string) => {
          if (!pools.includes(prefix)) pools.push(prefix);
          return `{net${pools.indexOf(prefix) + 1}}.${host}`;
        },
      )
      // Docker 28 writes these two without the zero.
      .replace(/^(fe00|ff00)::0?(?=\tip6-)/gm, '$1::0')
      .replace(/\b[0-9a-f]{64}\b/g, '{ID}')
      .replace(/\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{12}\b/g, '{id}')
      .replace(/\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, '{mac}')
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)/g, '{time}')
      .replace(/\b(32[789]|3[3-9]\d|[45]\d\d|60)\d{2}\b(?=->|\/tcp|\/udp|$|"|\s)/gm, '{port}')
      .replace(/\n\nRun 'docker run --help' for more information\n?/g, '\n')
      .replace(/[ \t]+$/gm, '')
  );
}
