/**
 * Builds through dockerode and Testcontainers: node.mjs SOCKET CONTEXT. The context has a Dockerfile with the stages
 * `first` and `last`, and the argument WHO. Prints "built" if all came out as wanted.
 */
import assert from 'node:assert/strict';
import Docker from 'dockerode';
import { GenericContainer, Wait } from 'testcontainers';

const [socketPath, context] = process.argv.slice(2);
const docker = new Docker({ socketPath });

const stream = await docker.buildImage(
  { context, src: ['Dockerfile', 'file'] },
  { t: 'of-dockerode', buildargs: { WHO: 'dockerode' }, target: 'first', labels: { l: '1' } },
);
const lines = await new Promise((resolve, reject) =>
  docker.modem.followProgress(stream, (error, output) => (error ? reject(error) : resolve(output))),
);
assert.match(lines.map((line) => line.stream ?? '').join(''), /^Step 1\/\d+ : FROM busybox AS first\n/);
const { Id, Config } = await docker.getImage('of-dockerode').inspect();
assert.ok(lines.some((line) => line.aux?.ID === Id));
assert.equal(Config.Labels.l, '1');

const failing = await docker.buildImage({ context, src: ['Dockerfile'] }, { t: 'failed' });
const [last] = (
  await new Promise((resolve, reject) =>
    docker.modem.followProgress(failing, (error, output) => (error ? reject(error) : resolve(output))),
  )
).slice(-1);
assert.match(last.errorDetail.message, /COPY failed: file not found in build context/);

// By BuildKit, which it opens a session for.
const byBuildkit = await docker.buildImage(
  { context, src: ['Dockerfile', 'file'] },
  { t: 'of-dockerode-2', version: '2', buildargs: JSON.stringify({ WHO: 'session' }) },
);
const { aux } = await new Promise((resolve, reject) => {
  let image;
  docker.modem.followProgress(
    byBuildkit,
    (error) => (error ? reject(error) : resolve(image)),
    (line) => line.id === 'moby.image.id' && (image = line),
  );
});
assert.equal((await docker.getImage('of-dockerode-2').inspect()).Id, aux.ID);

const built = await GenericContainer.fromDockerfile(context)
  .withBuildArgs({ WHO: 'testcontainers' })
  .withTarget('last')
  .withCache(false)
  .build('of-testcontainers:1', { deleteOnExit: false });
const started = await built
  .withCommand(['sh', '-c', 'cat /who /file; exec sleep 1000'])
  .withWaitStrategy(Wait.forLogMessage(/content/))
  .withStartupTimeout(600_000)
  .start();
try {
  const { output, exitCode } = await started.exec(['cat', '/who', '/file']);
  assert.deepEqual([output, exitCode], ['testcontainers\ncontent\n', 0]);
} finally {
  await started.stop({ timeout: 0 });
}
console.log('built');
