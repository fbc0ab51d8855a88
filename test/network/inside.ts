/**
 * Runs a test file's process inside a throwaway network namespace (the "host") with a mount namespace of its own, so
 * that the service under test, which works on the namespace that its process is in, never meets the machine's network.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';

const INSIDE = 'CAUSEWAY_TEST_NETNS';

/** True in the process that is inside. In the outer one: runs the inner one and exits as it did. */
export function enterTestHost(): boolean {
  if (process.env[INSIDE] !== undefined) return true;
  const name = `cwt-${randomBytes(4).toString('hex')}`;
  must('ip', ['netns', 'add', name]);
  let status = 1;
  try {
    const env: NodeJS.ProcessEnv = { ...process.env, [INSIDE]: name };
    delete env['NODE_EXTRA_CA_CERTS'];
    const args = [
      `--net=/run/netns/${name}`,
      'unshare',
      '--mount',
      '--propagation',
      'private',
      process.execPath,
      ...process.execArgv,
      process.argv[1]!, // the file, or what it was compiled to
    ];
    status = spawnSync('nsenter', args, { stdio: 'inherit', env }).status ?? 1;
  } finally {
    must('ip', ['netns', 'del', name]);
  }
  process.exit(status);
}

/** Name of the namespace that is the host, for `ip netns`. */
export function testHostName(): string {
  return process.env[INSIDE]!;
}

function must(file: string, args: readonly string[]): void {
  const result = spawnSync(file, args, { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`${file} ${args.join(' ')}: ${result.stderr}`);
}
