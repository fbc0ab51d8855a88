// Compiles test files once, with what they have in common in files of their own, as tsx would do again in each process:
// it costs every process more than most tests do.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Test files (paths below `root`) as JavaScript.
 *
 * @returns {Promise<{ programs: Map<string, string>, remove: () => void }>} the program of each file, until `remove`
 */
export async function bundleTests(root, files) {
  const esbuild = await import('esbuild');
  // Below the project: there its packages are found. A run beside this one has another.
  const directory = join(root, '.cache/tests', String(process.pid));
  mkdirSync(directory, { recursive: true });
  const remove = () => rmSync(directory, { recursive: true, force: true });
  try {
    await esbuild.build({
      absWorkingDir: root,
      entryPoints: files,
      outdir: directory,
      outbase: root,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      splitting: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      packages: 'external',
      keepNames: true,
      sourcemap: true,
      sourcesContent: false,
      define: OWN,
      plugins: [ownPlace],
      logLevel: 'error',
    });
  } catch (error) {
    remove();
    throw error;
  }
  const program = (file) => join(directory, relative(root, join(root, file)).replace(/\.ts$/, '.mjs'));
  return { programs: new Map(files.map((file) => [file, program(file)])), remove };
}

const OWN = { 'import.meta.url': 'ownUrl', 'import.meta.dirname': 'ownDirectory' };

/** A module still knows where its source is: tests read files beside theirs. */
const ownPlace = {
  name: 'own place',
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      if (!text.includes('import.meta.')) return { contents: text, loader: 'ts' };
      const own = `const ownUrl = ${JSON.stringify(pathToFileURL(path).href)}, ownDirectory = ${JSON.stringify(dirname(path))}; `;
      return { contents: own + text, loader: 'ts' }; // on the first line: the others keep their numbers
    });
  },
};
