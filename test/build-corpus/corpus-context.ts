/** The context that all Dockerfiles of the corpus share: what git cannot keep of it is made here. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

const SCRIPT = String.raw`
umask 022
echo a > a.txt; echo b > b.txt; : > empty-file; mkdir empty
mkdir -p dir/sub; echo one > dir/one; echo two > dir/two; echo deep > dir/sub/deep; echo h > dir/.hidden
mkdir 'with space'; echo s > 'with space/x y'
printf '#!/bin/sh\necho ran\n' > exec.sh; chmod 755 exec.sh
echo secret > priv; chmod 600 priv
mkdir -m 1777 sticky; touch sticky/f
mkdir hard; echo same > hard/1; ln hard/1 hard/2
mkdir links; echo t > links/target; ln -s target links/near; ln -s ../../etc/passwd links/out; ln -s nowhere links/dangling
ln -s sub links/directory; mkdir links/sub; echo below > links/sub/f
mkdir skipped; touch skipped/kept skipped/no.skip skipped/but.skip
printf '*.skip\n**/*.skip\n!**/but.skip\n' > .dockerignore
mkdir tree tree/sub; echo x > tree/sub/x; chmod 640 tree/sub/x; ln -s sub/x tree/l; chmod 711 tree/sub
tar --owner=12 --group=34 --sort=name --mtime=@0 -C tree -cf archive.tar sub l
tar --owner=12 --group=34 --sort=name --mtime=@0 -C tree -czf archive.tar.gz sub l
rm -r tree; mkdir archives; cp archive.tar archives/
`;

export function makeCorpusContext(directory: string): void {
  mkdirSync(directory, { recursive: true });
  execFileSync('sh', ['-ec', SCRIPT], { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] });
}
