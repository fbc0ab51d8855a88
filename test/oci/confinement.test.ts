/**
 * What a process finds in its container: capabilities, filters, mounts, limits, namespaces, as `docker run` options ask
 * for.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { mount, unmount } from '../../src/kernel/mount.ts';
import type { MountPoint } from '../../src/model/mount.ts';
import { makePlace, runContainer } from './fixture.ts';

const ownBoundingSet = /CapBnd:\t(\w+)/.exec(readFileSync('/proc/self/status', 'latin1'))![1]!;
const asRoot = process.getuid?.() === 0;

const bind = (source: string, destination: string, changes: Partial<MountPoint> = {}): MountPoint => ({
  type: 'bind', name: '', source, destination, driver: '', mode: '', rw: true, propagation: '', noCopy: false, tmpfsOptions: '', ...changes,
}); // prettier-ignore

for (const kind of ['crun', 'runc'] as const) {
  describe(`confinement with ${kind}`, { skip: !asRoot && 'needs root' }, () => {
    const place = makePlace({ runtime: kind });
    after(() => place.remove());
    const say = async (script: string | string[], options: Parameters<typeof runContainer>[2] = {}) => {
      const { stdout, stderr } = await runContainer(place, script, options);
      return (String(stdout) + String(stderr)).trim();
    };
    const status = (field: string) => `grep ${field} /proc/self/status | head -n 1`;

    test('capabilities', async () => {
      assert.equal(await say(status('CapEff')), 'CapEff:\t00000000a80425fb');
      assert.equal(
        await say(status('CapBnd'), { changes: { host: { capDrop: ['ALL'], capAdd: ['net_admin'] } } }),
        'CapBnd:\t0000000000001000',
      );
      assert.match(
        await say(status('CapEff'), { changes: { host: { privileged: true } } }),
        new RegExp(`^CapEff:\\t${ownBoundingSet}$`),
      );
      assert.equal(
        await say(status('CapEff'), { input: { user: { uid: 33, gid: 33, additionalGids: [33] } } }),
        'CapEff:\t0000000000000000',
      );
    });

    test('system calls', async () => {
      assert.equal(await say(status('Seccomp:')), 'Seccomp:\t2');
      assert.equal(
        await say(status('Seccomp:'), { changes: { host: { securityOpt: ['seccomp=unconfined'] } } }),
        'Seccomp:\t0',
      );
      assert.equal(await say(status('Seccomp:'), { changes: { host: { privileged: true } } }), 'Seccomp:\t0');
      assert.match(await say('mount -t tmpfs none /tmp'), /(denied|permitted)/);
      const profile = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }],
      };
      const changes = { host: { securityOpt: [`seccomp=${JSON.stringify(profile)}`] } };
      assert.match(await say(['busybox', 'mkdir', '/tmp/x'], { changes }), /Operation not permitted/);
    });

    test('a seccomp profile that is asked for filters a privileged container', async () => {
      const profile = JSON.stringify({
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }],
      });
      const privileged = (option: string) => ({ changes: { host: { privileged: true, securityOpt: [option] } } });
      assert.match(
        await say(['busybox', 'mkdir', '/tmp/x'], privileged(`seccomp=${profile}`)),
        /Operation not permitted/,
      );
      assert.equal(await say(status('Seccomp:'), privileged('seccomp=builtin')), 'Seccomp:\t2');
      assert.equal(await say(status('NoNewPrivs'), privileged('no-new-privileges')), 'NoNewPrivs:\t1');
    });

    test('no-new-privileges, oom score, user and groups', async () => {
      assert.equal(await say(status('NoNewPrivs')), 'NoNewPrivs:\t0');
      assert.equal(
        await say(status('NoNewPrivs'), { changes: { host: { securityOpt: ['no-new-privileges'] } } }),
        'NoNewPrivs:\t1',
      );
      assert.equal(await say('cat /proc/self/oom_score_adj', { changes: { host: { oomScoreAdj: 77 } } }), '77');
      assert.equal(
        await say('id', { input: { user: { uid: 33, gid: 33, additionalGids: [33, 50] } } }),
        'uid=33(web) gid=33(web) groups=33(web),50(staff)',
      );
    });

    test('mounts of every container', async () => {
      const mounts = await say('cat /proc/mounts');
      assert.match(mounts, / \/proc proc rw,nosuid,nodev,noexec/);
      assert.match(mounts, / \/sys sysfs ro,nosuid,nodev,noexec/);
      assert.match(mounts, / \/dev\/shm tmpfs rw,nosuid,nodev,noexec[^\n]*size=65536k/);
      assert.match(mounts, / \/dev\/mqueue mqueue /);
      assert.match(mounts, / \/proc\/sys proc ro,/);
      assert.equal(await say('ls /sys/firmware /proc/acpi 2>/dev/null | grep -v :'), '');
      assert.match(
        await say('echo 1 > /proc/sys/kernel/domainname; echo x > /sys/x'),
        /Read-only file system[^]*(Read-only|Permission)/,
      );
      assert.equal(
        await say('ls /dev | grep -v core'),
        'fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero'.split(' ').join('\n'),
      );
    });

    test('read-only root, tmpfs, binds', async () => {
      const source = join(place.directory, 'data');
      mkdirSync(source, { recursive: true });
      writeFileSync(join(source, 'file'), 'bound');
      const changes = {
        host: { readonlyRootfs: true, tmpfs: { '/tmp': 'size=1m,exec' } },
        record: {
          mounts: [bind(source, '/root', { rw: false }), bind(join(source, 'file'), '/etc/one', { rw: false })],
        },
      };
      const text = await say(
        'touch /x; touch /root/x; touch /tmp/x && echo fine; cat /root/file /etc/one; grep " /tmp " /proc/mounts',
        { changes },
      );
      assert.match(text, /fine\nboundbound/);
      assert.match(text, /tmpfs \/tmp tmpfs rw,nosuid,nodev(,relatime)?,size=1024k/);
      assert.equal(text.match(/Read-only file system/g)?.length, 2);
    });

    test('what is mounted below a read-only bind is read-only too', async () => {
      const source = join(place.directory, 'tree');
      mkdirSync(join(source, 'below'), { recursive: true });
      mount({ source: 'tmpfs', target: join(source, 'below'), type: 'tmpfs' });
      try {
        const text = await say('touch /tmp/tree/x; touch /tmp/tree/below/x', {
          changes: { record: { mounts: [bind(source, '/tmp/tree', { rw: false })] } },
        });
        assert.equal(text.match(/Read-only file system/g)?.length, 2);
      } finally {
        unmount(join(source, 'below'));
      }
    });

    test('names, namespaces, limits, sysctls', async () => {
      assert.equal(
        await say('hostname; cat /proc/sys/kernel/domainname', { input: { domainname: 'example.org' } }),
        'box\nexample.org',
      );
      assert.equal(await say('echo $$'), '1');
      assert.notEqual(await say('echo $$', { input: { pid: 'host' } }), '1');
      assert.match(
        await say('readlink /proc/self/ns/uts || ls -l /proc/self/ns/uts', { input: { uts: 'host' } }),
        new RegExp(readlinkSync('/proc/self/ns/uts').replace(/[[\]]/g, '\\$&')),
      );
      assert.equal(
        await say('ulimit -n; ulimit -Hn; ulimit -c', {
          changes: {
            resources: {
              ulimits: [
                { name: 'nofile', soft: 100, hard: 200 },
                { name: 'core', soft: -1, hard: -1 },
              ],
            },
          },
        }),
        '100\n200\nunlimited',
      );
      assert.equal(
        await say('cat /proc/sys/kernel/shm_rmid_forced', {
          changes: { host: { sysctls: { 'kernel.shm_rmid_forced': '1' } } },
        }),
        '1',
      );
      assert.equal(await say('pwd', { changes: { process: { workingDir: '/tmp' } } }), '/tmp');
      assert.equal(await say('pwd', { changes: { process: { workingDir: '/made/for/it' } } }), '/made/for/it');
    });

    test('init', async () => {
      assert.match(
        await say('cat /proc/1/comm; echo $$', { changes: { host: { init: true } } }),
        /^docker-init\n([2-9]|\d\d)$/,
      );
    });

    test('devices', { skip: !existsSync('/dev/fuse') && 'no /dev/fuse here' }, async () => {
      assert.match(await say('busybox mknod /tmp/fuse c 10 229; : < /tmp/fuse'), /not permitted/);
      const device = { pathOnHost: '/dev/fuse', pathInContainer: '/dev/mine', cgroupPermissions: 'r' };
      assert.match(
        await say('ls -l /dev/mine; : < /dev/mine && echo opened; : > /dev/mine', {
          changes: { resources: { devices: [device] } },
        }),
        /10, *229[^]*opened[^]*not permitted/,
      );
      await assert.rejects(
        say('true', { changes: { resources: { devices: [{ ...device, pathOnHost: '/dev/nosuch' }] } } }),
        /error gathering device information while adding custom device "\/dev\/nosuch": no such file or directory/,
      );
      assert.match(await say('ls /dev', { changes: { host: { privileged: true } } }), /kmsg/);
    });
  });
}
