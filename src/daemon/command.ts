/** What the daemon's command line asks for, in both programs that it is read by (start.ts). */
import { buildInfo } from './build-info.ts';
import { examineConfig } from './config-check.ts';
import { daemonConfig, type DaemonConfig } from './daemon-config.ts';
import { daemonHelp } from './options/help.ts';
import { readDaemonOptions } from './options/read.ts';
import { enterPrivateMounts } from './private-mounts.ts';
import { keepActivatedSockets } from './socket-activation.ts';

/**
 * `serve` runs in the daemon's own mount namespace, and not before; it is given the path of the host's. Answers with the
 * exit code.
 */
export async function runCommand(
  argv: readonly string[],
  serve: (config: DaemonConfig, hostMounts: string) => Promise<void>,
): Promise<number> {
  const options = readDaemonOptions(argv);
  if (options.switches['help'] === true) {
    process.stdout.write(daemonHelp());
    return 0;
  }
  if (options.switches['version'] === true) {
    const { version, gitCommit } = buildInfo();
    process.stdout.write(`Causeway version ${version}, build ${gitCommit}\n`);
    return 0;
  }
  const config = daemonConfig(options);
  if (options.switches['validate'] === true) return validate(config);
  if (process.getuid?.() !== 0) {
    throw new Error(
      'causeway daemon needs to be started with root privileges (it makes network namespaces, mounts and firewall rules): try sudo causeway daemon',
    );
  }
  keepActivatedSockets(process.env);
  await serve(config, enterPrivateMounts(config.execRoot));
  return 0;
}

function validate(config: DaemonConfig): number {
  const { problems, notes } = examineConfig(config);
  for (const note of notes) process.stderr.write(`causeway: note: ${note}\n`);
  for (const problem of problems) process.stderr.write(`causeway: ${problem}\n`);
  if (problems.length > 0) return 1;
  process.stdout.write('configuration OK\n');
  return 0;
}
