/** Entry of the daemon's bundle: `daemon` serves, `doctor` examines the host. */
import { errorMessage } from '../base/errors.ts';
import { runDaemon } from './daemon.ts';
import { examineConfig } from './config-check.ts';
import { daemonConfig, type DaemonConfig } from './daemon-config.ts';
import { daemonHelp, readDaemonOptions } from './daemon-flags.ts';
import { runDoctor } from './doctor-report.ts';
import { enterPrivateMounts } from './private-mounts.ts';

async function main(): Promise<number> {
  const [command, ...argv] = process.argv.slice(2);
  if (command === 'doctor') return runDoctor(argv);
  if (command !== 'daemon') throw new Error(`unknown command "${command ?? ''}": expected daemon or doctor`);
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(daemonHelp());
    return 0;
  }
  const options = readDaemonOptions(argv);
  const config = daemonConfig(options);
  if (options.switches['validate'] === true) return validate(config);
  if (process.getuid?.() !== 0) {
    throw new Error(
      'causeway daemon needs to be started with root privileges (it makes network namespaces, mounts and firewall rules): try sudo causeway daemon',
    );
  }
  enterPrivateMounts(config.execRoot);
  await runDaemon(config);
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

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`causeway: ${errorMessage(error)}\n`);
    process.exit(1);
  },
);
