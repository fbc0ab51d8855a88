/** The one image of the benchmark: Debian's busybox-static. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { collect } from '../demo/sandbox.ts';
import type { Engine } from './engines.ts';

const SCRIPT = `
set -eu
mkdir -p "$1/bin" "$1/etc" "$1/tmp" "$1/root" "$1/proc" "$1/sys" "$1/dev"
cp "$(command -v busybox)" "$1/bin/busybox"
for applet in $(busybox --list); do [ "$applet" = busybox ] || ln -s busybox "$1/bin/$applet"; done
echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
tar -C "$1" --numeric-owner -cf "$1.tar" .
`;

export async function importImage(engine: Engine): Promise<void> {
  const root = join(engine.sandbox.dir, 'busybox');
  const made = await collect(spawn('sh', ['-c', SCRIPT, 'sh', root], { stdio: ['ignore', 'pipe', 'pipe'] }));
  if (made.code !== 0) throw new Error(`the image could not be made: ${made.both}`);
  await engine.ok('import', '-c', 'CMD ["sh"]', `${root}.tar`, 'busybox:latest');
}
