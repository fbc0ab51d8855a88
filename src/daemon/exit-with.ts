/** How a program of the daemon ends: with the code that its work comes to, or with 1 and the error. */
import { errorMessage } from '../base/errors.ts';
import { endProcess } from '../kernel/end-process.ts';

export function exitWith(work: Promise<number>): void {
  work.then(
    (code) => {
      process.exitCode = code;
    },
    (error: unknown) => {
      process.stderr.write(`causeway: ${errorMessage(error)}\n`);
      endProcess(1);
    },
  );
}
