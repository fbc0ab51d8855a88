/** dist/cli.cjs, which Node is started with: runs dist/cli.code beside it, the command line with its compiled form. */
import { join } from 'node:path';
import { runCompiled } from '../base/compiled-program.ts';

runCompiled(join(__dirname, 'cli.code'));
