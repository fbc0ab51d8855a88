/**
 * dist/daemon.mjs, which Node is started with. A daemon starts twice: Node's threads keep it from entering its mount
 * namespace (private-mounts.ts), so the program is executed again inside. Up to there it needs a tenth of its text, and
 * reading and compiling the rest is half of what that first start takes: dist/enter.mjs beside this file has that tenth.
 */
import { ENTERED } from './entered.ts';

const first = process.argv[2] === 'daemon' && process.env[ENTERED] === undefined;
// Not a name that the build would follow: they are programs of their own.
await import(new URL(first ? 'enter.mjs' : 'engine.mjs', import.meta.url).href);
