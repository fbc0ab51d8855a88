import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createError, execError } from './runtime-errors.ts';

const EXEC = 'OCI runtime exec failed: exec failed: unable to start container process: ';

test("crun's complaints about an exec are shown in the words and with the exit codes of Docker 28", () => {
  const cases: [said: string, program: string, shown: string, exitCode: number][] = [
    ['executable file `x` not found in $PATH: No such file or directory', 'x', 'exec: "x": executable file not found in $PATH', 127],
    ['open executable: Operation not permitted', '', 'exec: "": executable file not found in $PATH', 127],
    ['executable file `/x` not found: No such file or directory', '/x', 'exec: "/x": stat /x: no such file or directory', 127],
    ['open executable: Permission denied', '/etc/passwd', 'exec: "/etc/passwd": permission denied', 126],
    ['chdir `/nope`: No such file or directory', 'true', 'chdir to cwd ("/nope") set in config.json failed: no such file or directory', 127],
    ['chdir `/root`: Permission denied', 'true', 'chdir to cwd ("/root") set in config.json failed: permission denied', 126],
  ]; // prettier-ignore
  for (const [said, program, shown, exitCode] of cases) {
    const error = execError(said, program);
    assert.deepEqual([error.message, error.exitCode], [`${EXEC}${shown}`, exitCode], said);
  }
});

test('no complaint of crun about a container keeps its quotes and capitals', () => {
  const cases: Readonly<Record<string, string>> = {
    'mount `/etc/passwd` to `etc`: Not a directory':
      'error mounting "/etc/passwd" to rootfs at "/etc": mount /etc/passwd:/etc: not a directory: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type',
    'setrlimit `RLIMIT_NOFILE`: Operation not permitted':
      'error setting rlimits for ready process: error setting RLIMIT_NOFILE: operation not permitted',
    'writing file `cpu.rt_runtime_us`: Invalid argument':
      'unable to apply cgroup configuration: failed to write to cpu.rt_runtime_us: invalid argument',
    'write to `/proc/sys/net/x`: Invalid argument': 'write /proc/sys/net/x: invalid argument',
    'open `a` in `b`: No space left on device': 'open "a" in "b": no space left on device',
    'whatever `x` it is': 'whatever "x" it is',
    'a quote ` alone: File exists': 'a quote ` alone: file exists',
  };
  for (const [said, shown] of Object.entries(cases)) {
    const { message } = createError(said, 'true');
    assert.ok(message.endsWith(`: ${shown}`), `${said}: ${message}`);
    assert.doesNotMatch(message, /unknown$/);
  }
});
