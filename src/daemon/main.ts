/** The whole program, dist/engine.code: `daemon` serves, `doctor` examines the host. */
import { runCommand } from './command.ts';
import { runDaemon } from './daemon.ts';
import { runDoctor } from './doctor-report.ts';
import { exitWith } from './exit-with.ts';

async function main(): Promise<number> {
  const [command, ...argv] = process.argv.slice(2);
  if (command === 'doctor') return runDoctor(argv);
  if (command !== 'daemon') throw new Error(`unknown command "${command ?? ''}": expected daemon or doctor`);
  return runCommand(argv, (config, hostMounts) => runDaemon(config, argv, hostMounts));
}

exitWith(main());
