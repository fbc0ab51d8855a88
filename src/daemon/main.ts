/** Entry of the daemon's bundle: `daemon` serves, `doctor` examines the host. */
import { errorMessage } from '../base/errors.ts';
import { endProcess } from '../kernel/end-process.ts';
import { buildInfo } from './build-info.ts';
import { runDaemon } from './daemon.ts';
import { examineConfig } from './config-check.ts';
import { daemonConfig, type DaemonConfig } from './daemon-config.ts';
import { daemonHelp } from './options/help.ts';
import { readDaemonOptions } from './options/read.ts';
import { runDoctor } from './doctor-report.ts';
import { enterPrivateMounts } from './private-mounts.ts';
import { keepActivatedSockets } from './socket-activation.ts';

async function main(): Promise<number> {
  const [command, ...argv] = process.argv.slice(2);
  if (command === 'doctor') return runDoctor(argv);
  if (command !== 'daemon') throw new Error(`unknown command "${command ?? ''}": expected daemon or doctor`);
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
  enterPrivateMounts(config.execRoot);
  await runDaemon(config, argv);
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
    endProcess(1);
  },
);
