import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyChanges } from './dockerfile-changes.ts';
import { EMPTY_IMAGE_CONFIG } from './image-config.ts';

const apply = (...lines: string[]) => applyChanges(EMPTY_IMAGE_CONFIG, lines);

test('commands: JSON form, shell form, and an entrypoint takes the old arguments away', () => {
  assert.deepEqual(apply('CMD ["sh","/sleep.sh"]').cmd, ['sh', '/sleep.sh']);
  assert.deepEqual(apply('cmd echo $HOME').cmd, ['/bin/sh', '-c', 'echo $HOME']);
  const base = apply('CMD ["a"]');
  assert.deepEqual(applyChanges(base, ['ENTRYPOINT ["b"]']), { ...base, entrypoint: ['b'], cmd: null });
  assert.deepEqual(apply('CMD ["a"]', 'ENTRYPOINT ["b"]').cmd, ['a'], 'unless they are given together');
  assert.equal(applyChanges(base, ['ENTRYPOINT []']).entrypoint, null);
});

test('ENV and LABEL in both forms, with quotes and variables', () => {
  assert.deepEqual(apply('ENV PG_VERSION=9.3').env, ['PG_VERSION=9.3']);
  assert.deepEqual(apply(`ENV A=1 B="two words" C='$A' D=\${A}x E=\${NONE:-f} G=a\\ b`).env, [
    'A=1',
    'B=two words',
    'C=$A',
    'D=1x',
    'E=f',
    'G=a b',
  ]);
  assert.deepEqual(apply('ENV A 1 2', 'ENV A=3').env, ['A=3']);
  assert.deepEqual(apply('LABEL a.b=c "d e"="f"').labels, { 'a.b': 'c', 'd e': 'f' });
  assert.throws(() => apply('ENV A=1 B'), /Syntax error - can't find = in "B". Must be of the form: name=value/);
  assert.throws(() => apply('ENV A'), { kind: 'invalid', message: /ENV must have two arguments/ });
});

test('EXPOSE takes lists, ranges and protocols', () => {
  assert.deepEqual(apply('EXPOSE 53/udp 53/tcp 8080 9000-9002').exposedPorts, [
    '53/udp',
    '53/tcp',
    '8080/tcp',
    '9000/tcp',
    '9001/tcp',
    '9002/tcp',
  ]);
  assert.throws(() => apply('EXPOSE 99999'), { message: 'invalid containerPort: 99999' });
  assert.throws(() => apply('EXPOSE 80/icmp'), { kind: 'invalid' });
});

test('the other instructions', () => {
  const config = apply(
    'USER www-data',
    'WORKDIR /opt',
    'WORKDIR webapp',
    'VOLUME ["/a", "/b c"]',
    'VOLUME /d /a',
    'STOPSIGNAL SIGINT',
    'ONBUILD RUN true',
    'HEALTHCHECK --interval=5s --timeout=1m30s --retries=3 CMD curl -f localhost',
  );
  assert.equal(config.user, 'www-data');
  assert.equal(config.workingDir, '/opt/webapp');
  assert.deepEqual(config.volumes, ['/a', '/b c', '/d']);
  assert.equal(config.stopSignal, 'SIGINT');
  assert.deepEqual(config.onBuild, ['RUN true']);
  assert.deepEqual(config.healthcheck, {
    test: ['CMD-SHELL', 'curl -f localhost'],
    intervalNs: 5e9,
    timeoutNs: 90e9,
    startPeriodNs: 0,
    startIntervalNs: 0,
    retries: 3,
  });
  assert.deepEqual(apply('HEALTHCHECK NONE').healthcheck?.test, ['NONE']);
  assert.deepEqual(apply('HEALTHCHECK CMD ["a","b"]').healthcheck?.test, ['CMD', 'a', 'b']);
});

test('what a change cannot be', () => {
  assert.throws(() => apply('RUN true'), { kind: 'invalid', message: 'RUN is not a valid change command' });
  assert.throws(() => apply('FOO bar'), {
    kind: 'invalid',
    message: 'dockerfile parse error on line 1: unknown instruction: FOO',
  });
  assert.throws(() => apply('CMD'), { kind: 'invalid' });
  assert.deepEqual(apply('# a comment\n\nENV A=\\\n1'), { ...EMPTY_IMAGE_CONFIG, env: ['A=1'] });
});
