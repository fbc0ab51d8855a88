// An esbuild plugin for the daemon that tests are run against: what its sources import of these modules goes through
// test/harness/doors first. The sources themselves know nothing of it, so the daemon that users get has no trace of it
// and pays nothing for it.
import { join } from 'node:path';

const DOORS = {
  'node:fs': ['fs-door.ts', "(real) => hookFs(real, 'fs')", 'hookFs'],
  'node:fs/promises': ['fs-door.ts', "(real) => hookFs(real, 'fs.promises')", 'hookFs'],
  koffi: ['c-door.ts', '(real) => ({ default: hookKoffi(real.default) })', 'hookKoffi'],
  lmdb: ['other-doors.ts', 'hookLmdb', 'hookLmdb'],
  'node:child_process': ['other-doors.ts', 'hookChildProcess', 'hookChildProcess'],
  'node:net': ['other-doors.ts', 'hookNet', 'hookNet'],
  'node:http': ['other-doors.ts', 'hookHttp', 'hookHttp'],
};

export const hookedDoors = (root) => ({
  name: 'hooked-doors',
  setup(build) {
    build.onResolve(
      { filter: /^(node:(fs|fs\/promises|child_process|net|http)|koffi|lmdb)$/ },
      ({ path, importer, namespace }) =>
        namespace === 'file' && importer.startsWith(join(root, 'src/'))
          ? { path, namespace: 'hooked' }
          : { path, external: true },
    );
    build.onLoad({ filter: /.*/, namespace: 'hooked' }, async ({ path }) => {
      const [file, hook, name] = DOORS[path];
      const names =
        path === 'koffi'
          ? []
          : Object.keys(await import(path)).filter((key) => key !== 'default' && key !== 'module.exports');
      return {
        resolveDir: root,
        contents: [
          `import * as real from '${path}';`,
          `import { ${name} } from '${join(root, 'test/harness/doors', file)}';`,
          `const hooked = (${hook})(${path === 'koffi' ? 'real' : '{ ...real }'});`,
          `export default hooked.default ?? hooked;`,
          ...(names.length > 0 ? [`export const { ${names.join(', ')} } = hooked;`] : []),
        ].join('\n'),
      };
    });
  },
});
