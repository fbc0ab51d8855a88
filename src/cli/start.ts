/**
 * dist/cli.cjs, which Node is started with: takes the program and its compiled form from dist/cli.code beside it and
 * runs it. Compiling is a quarter of the time that a short command takes, and Node 20 keeps nothing of it.
 *
 * One file has both, so that neither is ever there without the other. Only the build writes it (scripts/build.mjs), at
 * the place of this file itself: who can change the one can change the other. What another Node compiled is not used.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';

type Program = (...names: [typeof exports, typeof require, typeof module, string, string]) => void;

/** Of the very program that runs this: two builds of one version may differ in what compiled code refers to. */
function thisNode(): string {
  try {
    const { size, mtimeMs } = statSync(process.execPath);
    return `${process.version} ${process.arch} ${size} ${mtimeMs}`;
  } catch {
    return ''; // that of no file: Node may just have been replaced by another
  }
}

/**
 * "NODE|LENGTH\n", LENGTH bytes of ASCII: a function expression, then what V8 made of it in that Node.
 * V8 itself compares its version and flags, and compiles the text where they differ.
 */
function load(path: string): Program {
  const file = readFileSync(path);
  const start = file.indexOf('\n') + 1;
  const [node, length] = file.toString('latin1', 0, start - 1).split('|');
  const end = start + Number(length);
  const compiled = node === thisNode() ? { cachedData: file.subarray(end) } : {};
  const script = new Script(file.toString('latin1', start, end), { filename: path, ...compiled });
  return script.runInThisContext() as Program;
}

load(join(__dirname, 'cli.code'))(exports, require, module, __filename, __dirname);
