/**
 * `daemon` and `doctor` are programs of their own, which the launcher starts when they are the first word. Here they
 * only have their line in the help.
 */
import type { Command } from '../command/command.ts';
import { PROGRAM } from '../command/program-name.ts';
import { StatusError } from '../command/status-error.ts';

const program = (name: string, short: string): Command => ({
  use: `${name} [OPTIONS]`,
  short,
  long: `${short}\n\n'${PROGRAM} ${name} --help' lists its options.`,
  args: [0, Infinity],
  interspersed: false,
  flags: [],
  run() {
    throw new StatusError(`${PROGRAM}: '${name}' must be the first word: ${PROGRAM} ${name} [OPTIONS]`, 125);
  },
});

export const daemonCommand = program('daemon', 'Run the engine on this machine');
export const doctorCommand = program('doctor', 'Check what this machine has for the engine, and say what to do');
