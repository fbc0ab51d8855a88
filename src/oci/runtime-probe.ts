/** Whether conmon and a runtime work on this machine. */
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage } from '../base/errors.ts';
import { processState } from '../kernel/process.ts';
import { missingProgram } from './conmon.ts';
import { removeCgroupWhenEmpty } from './container-cgroup.ts';
import { createError } from './runtime-errors.ts';
import type { Operations } from './operation.ts';
import { runQuickly } from './quick-program.ts';
import type { RuntimeProgram } from './runtime-program.ts';

const PROBE = 'causeway-probe-';

/**
 * Undefined, or the reason why not. Asks the runtime for a container whose program does not exist: one that complains
 * about the program has got through cgroups and namespaces.
 */
export async function probeRuntime(
  program: RuntimeProgram,
  options: { conmonPath: string; stateDir: string },
): Promise<string | undefined> {
  const { conmonPath, stateDir } = options;
  if (!isExecutableFile(conmonPath)) return errorMessage(missingProgram(conmonPath, 'conmon'));
  if (!isExecutableFile(program.path)) return errorMessage(missingProgram(program.path, program.packageName));
  for (const left of leftProbes(stateDir)) await removeProbe(program, stateDir, left);
  const id = `${PROBE}${process.pid}`;
  const bundle = join(stateDir, id);
  const rootfs = join(bundle, 'rootfs');
  mkdirSync(join(rootfs, 'proc'), { recursive: true });
  mkdirSync(join(rootfs, 'dev'), { recursive: true });
  const spec = {
    ociVersion: '1.0.2',
    process: { user: { uid: 0, gid: 0 }, args: ['/causeway-probe'], env: ['PATH=/'], cwd: '/' },
    root: { path: rootfs },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
    linux: {
      cgroupsPath: `/causeway/${id}`,
      namespaces: ['pid', 'mount', 'ipc', 'uts', 'network'].map((type) => ({ type })),
    },
  };
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));
  try {
    const { output } = await program.run(['create', '--bundle', bundle, id]);
    return createError(output, '/causeway-probe').exitCode === 127 ? undefined : output;
  } finally {
    await removeProbe(program, stateDir, id);
  }
}

async function removeProbe(program: RuntimeProgram, stateDir: string, id: string): Promise<void> {
  await program.delete(id, false);
  await removeCgroupWhenEmpty(`/causeway/${id}`);
  for (const directory of [program.stateDirectory(id), join(stateDir, id)])
    rmSync(directory, { recursive: true, force: true });
}

/** Of processes that were ended in the middle of theirs. */
function leftProbes(stateDir: string): string[] {
  return readdirSync(stateDir).filter(
    (name) => name.startsWith(PROBE) && processState(Number(name.slice(PROBE.length))) === undefined,
  );
}

/** Path and version line of each ('' where it cannot be run, or does not answer), and conmon's. */
export async function versionsOf(
  programs: readonly RuntimeProgram[],
  conmonPath: string,
  operations: Operations,
  timeoutMs: number,
) {
  const version = (runtime: string, path: string): Promise<string> =>
    operations
      .run({ container: undefined, doing: '--version', runtime, timeoutMs }, (operation) =>
        runQuickly(path, ['--version'], (pid) => operation.watch(pid, runtime)),
      )
      .then(
        ({ output }) => output.split('\n')[0] ?? '',
        () => '',
      );
  const found = await Promise.all(
    programs.map(async ({ name, path }) => [name, { path, version: await version(name, path) }] as const),
  );
  return {
    runtimes: Object.fromEntries(found) as Record<string, { path: string; version: string }>,
    conmon: await version('conmon', conmonPath),
  };
}

function isExecutableFile(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && stats.isFile() && (stats.mode & 0o111) !== 0;
}
