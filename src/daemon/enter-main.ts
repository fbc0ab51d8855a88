/** dist/enter.mjs: the command line up to the daemon's own mount namespace, in which this program is replaced. */
import { runCommand } from './command.ts';
import { exitWith } from './exit-with.ts';

exitWith(
  runCommand(process.argv.slice(3), () => {
    throw new Error('the daemon was not started anew in its mount namespace');
  }),
);
