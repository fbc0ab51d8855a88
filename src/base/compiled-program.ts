/**
 * Programs that the build keeps with what V8 compiled of them (scripts/code-file.mjs): compiling is a large part of the
 * time that they take to start, and Node 20 keeps nothing of it.
 *
 * One file has both, so that neither is ever there without the other. Only the build writes it, beside the program that
 * loads it: who can change the one can change the other. What another Node compiled is not used.
 */
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { Script } from 'node:vm';

type Program = (
  exports: object,
  require: NodeJS.Require,
  module: { exports: object },
  filename: string,
  directory: string,
) => void;

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
 * Runs the program of a file: "NODE|LENGTH\n", LENGTH bytes of ASCII, which are a function expression, then what V8 made
 * of it in that Node. V8 itself compares its version and flags, and compiles the text where they differ.
 */
export function runCompiled(path: string): void {
  const file = readFileSync(path);
  const start = file.indexOf('\n') + 1;
  const [node, length] = file.toString('latin1', 0, start - 1).split('|');
  const end = start + Number(length);
  const compiled = node === thisNode() ? { cachedData: file.subarray(end) } : {};
  const script = new Script(file.toString('latin1', start, end), { filename: path, ...compiled });
  const program = script.runInThisContext() as Program;
  const module = { exports: {} };
  program(module.exports, createRequire(path), module, path, dirname(path));
}
