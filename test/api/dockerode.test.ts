/** dockerode, the client of many Node programs, against the wire. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { serve } from './serve.ts';

// dockerode has no types here.
const { default: Docker } = (await import('dockerode' as string)) as { default: new (options: object) => any };

test('a container from its creation to its removal', async (t) => {
  const served = await serve(t);
  const docker = new Docker({ socketPath: served.socketPath });
  assert.equal((await docker.ping()).toString(), 'OK');
  assert.equal((await docker.version()).ApiVersion, '1.55');
  const container = await docker.createContainer({
    Image: 'busybox',
    Cmd: ['cat'],
    name: 'c',
    OpenStdin: true,
    StdinOnce: true,
  });
  const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
  const stdout = new PassThrough();
  let text = '';
  stdout.on('data', (chunk) => (text += String(chunk)));
  container.modem.demuxStream(stream, stdout, stdout);
  await container.start();
  assert.equal((await container.inspect()).State.Running, true);
  stream.write('hello');
  stream.end();
  await once(stream, 'end');
  assert.equal(text, 'hello');
  assert.equal((await container.wait()).StatusCode, 0);
  assert.match((await docker.listContainers({ all: true }))[0].Status, /^Exited \(0\)/);
  await container.remove();
  await assert.rejects(container.inspect(), { statusCode: 404 });
});

test('exec, pull and events', async (t) => {
  const served = await serve(t);
  const docker = new Docker({ socketPath: served.socketPath });
  const container = await docker.createContainer({ Image: 'busybox', Cmd: ['sleep', '60'] });
  const events = await docker.getEvents({ filters: { type: ['container'] } });
  await container.start();
  const [line] = await once(events, 'data');
  assert.equal(JSON.parse(String(line)).Action, 'start');
  events.destroy();
  const exec = await container.exec({ Cmd: ['sh', '-c', 'echo hi; exit 3'], AttachStdout: true });
  const stream = await exec.start({});
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  assert.equal(Buffer.concat(chunks).subarray(8).toString(), 'hi\n');
  assert.equal((await exec.inspect()).ExitCode, 3);
  const pull = await docker.pull('busybox:latest');
  const lines = await new Promise<any[]>((resolve, reject) =>
    docker.modem.followProgress(pull, (error: unknown, all: any[]) => (error ? reject(error) : resolve(all))),
  );
  assert.match(lines.at(-1).status, /^Status: Downloaded/);
});
