/**
 * dist/daemon.mjs, which Node is started with. A daemon starts twice: Node's threads keep it from entering its mount
 * namespace (private-mounts.ts), so the program is executed again inside. Up to there it needs a tenth of its text, and
 * reading and compiling the rest is half of what that first start takes: dist/enter.mjs beside this file has that tenth.
 * dist/engine.code has the whole, with what V8 compiled of it.
 */
import { fileURLToPath } from 'node:url';
import { runCompiled } from '../base/compiled-program.ts';
import { ENTERED } from './entered.ts';

const beside = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

// Not names that the build would follow: they are programs of their own.
if (process.argv[2] === 'daemon' && process.env[ENTERED] === undefined) await import(beside('enter.mjs'));
else runCompiled(beside('engine.code'));
