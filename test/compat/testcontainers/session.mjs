/**
 * A session of Testcontainers: a program of its own, as it keeps its reaper for as long as it lives, and reaches the
 * published ports from its own network.
 *
 *   session.mjs whole     starts, uses and stops, and says "whole"
 *   session.mjs cut       starts, says "started" and waits to be killed
 *
 * DOCKER_HOST, RYUK_CONTAINER_IMAGE and POSTGRES_VERSION (of the image training/postgres) say with what.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import {
  GenericContainer,
  getContainerRuntimeClient,
  LABEL_TESTCONTAINERS_SESSION_ID,
  Network,
  Wait,
} from 'testcontainers';

/** A busy machine needs longer than Testcontainers gives it. */
const PATIENCE_MS = 600_000;
const HEALTH = { interval: 200, timeout: 60_000, retries: 1000, startPeriod: 1000 };

const container = (image) => new GenericContainer(image).withStartupTimeout(PATIENCE_MS);

const startDatabase = (network) =>
  container('training/postgres')
    .withNetwork(network)
    .withNetworkAliases('database', 'pg')
    .withExposedPorts(5432)
    .withCopyContentToContainer([
      {
        content: "cluster_name = 'copied before the start'\n",
        target: `/etc/postgresql/${process.env['POSTGRES_VERSION']}/main/conf.d/test.conf`,
      },
    ])
    .withHealthCheck({ test: ['CMD-SHELL', 'psql -h $HOSTNAME -U postgres -c "SELECT 1"'], ...HEALTH })
    .withWaitStrategy(
      Wait.forAll([
        Wait.forHealthCheck(),
        Wait.forListeningPorts(),
        Wait.forLogMessage(/database system is ready to accept connections/),
      ]).withStartupTimeout(PATIENCE_MS),
    )
    .start();

const query = async (client, host, sql) => {
  const ran = await client.exec(['psql', '-h', host, '-U', 'postgres', '-At', '-c', sql]);
  assert.equal(ran.exitCode, 0, ran.output);
  return ran.stdout.trim();
};

/** The first byte that PostgreSQL answers to the question whether it speaks TLS. */
const answerOfPort = (host, port) =>
  new Promise((resolve, reject) => {
    const socket = connect(port, host, () => socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])));
    socket.once('data', (data) => (resolve(data.toString('latin1')), socket.destroy())).once('error', reject);
  });

async function useDatabase(db, client) {
  for (const name of ['database', 'pg', db.getName().slice(1)])
    assert.equal(await query(client, name, "SELECT current_setting('cluster_name')"), 'copied before the start');
  await query(client, 'pg', 'CREATE TABLE things (name text)');
  await client.copyContentToContainer([{ content: 'one\ntwo\n', target: '/tmp/deep/things' }]);
  await query(client, 'pg', '\\copy things FROM /tmp/deep/things');
  assert.equal(await query(client, 'database', "SELECT string_agg(name, ',' ORDER BY name) FROM things"), 'one,two');
  assert.match(await answerOfPort(db.getHost(), db.getMappedPort(5432)), /^[SN]$/);
}

/** Streams of output: of commands, of the log, of the archive of a file. */
async function useStreams(db, client) {
  const ran = await client.exec(['sh', '-c', 'id -un; pwd; echo "$WHO"; echo oh >&2; exit 3'], {
    user: 'postgres',
    workingDir: '/tmp',
    env: { WHO: 'me' },
  });
  assert.deepEqual([ran.exitCode, ran.stdout, ran.stderr], [3, 'postgres\n/tmp\nme\n', 'oh\n']);
  assert.equal((await client.exec(['seq', '100000'])).stdout.length, 588_895);

  const log = await db.logs();
  let told = '';
  for await (const chunk of log) {
    told += String(chunk);
    if (told.includes('ready to accept connections')) break;
  }
  const archive = await client.copyArchiveFromContainer('/tmp/deep/things');
  let bytes = '';
  for await (const chunk of archive) bytes += String(chunk);
  assert.match(bytes, /one\ntwo\n/);
}

async function useWeb(networks, client) {
  const web = await container('nginx')
    .withNetwork(networks[0])
    .withNetworkAliases('page')
    .withExposedPorts(80, { container: 8080, host: 18080 })
    .withExtraHosts([{ host: 'elsewhere', ipAddress: '192.0.2.7' }])
    .withLabels({ kind: 'web' })
    .withTmpFs({ '/scratch': 'rw,size=1m' })
    .withWaitStrategy(Wait.forHttp('/', 80).forStatusCode(200).withStartupTimeout(PATIENCE_MS))
    .start();
  const page = await (await fetch(`http://${web.getHost()}:${web.getMappedPort(80)}/`)).text();
  assert.match(page, /Welcome to nginx/);
  assert.equal(web.getMappedPort(8080), 18080);
  assert.equal((await client.exec(['curl', '-s', 'http://page/'])).stdout, page);
  assert.match((await web.exec(['cat', '/etc/hosts'])).stdout, /^192\.0\.2\.7\telsewhere$/m);
  // Only those of its own network know it.
  const stranger = await container('centos:v1').withNetwork(networks[1]).start();
  assert.notEqual((await stranger.exec(['getent', 'hosts', 'page'])).exitCode, 0);
  await stranger.stop();
  // A random port may be another one afterwards.
  await web.restart({ timeout: 0 });
  assert.equal(await (await fetch(`http://${web.getHost()}:${web.getMappedPort(80)}/`)).text(), page);
  await web.stop({ timeout: 0 });
  await assert.rejects(fetch(`http://${web.getHost()}:18080/`));
}

/** One that ends by itself, and one that never gets ready. */
async function useShortLived() {
  const once = await container('centos:v1')
    .withCommand(['sh', '-c', 'echo done'])
    .withWaitStrategy(Wait.forOneShotStartup().withStartupTimeout(PATIENCE_MS))
    .start();
  await once.stop();
  const failing = container('centos:v1')
    .withCommand(['sh', '-c', 'echo sorry; exit 7'])
    .withWaitStrategy(Wait.forLogMessage('never said').withStartupTimeout(PATIENCE_MS));
  await assert.rejects(failing.start(), /Log stream ended/);
}

async function mine() {
  const runtime = await getContainerRuntimeClient();
  return (await runtime.container.list()).flatMap(({ Names, Labels }) =>
    LABEL_TESTCONTAINERS_SESSION_ID in Labels ? Names : [],
  );
}

async function whole() {
  const networks = await Promise.all([new Network().start(), new Network().start()]);
  const db = await startDatabase(networks[0]);
  const client = await container('centos:v1').withNetwork(networks[0]).start();
  await useDatabase(db, client);
  await useStreams(db, client);
  await useWeb(networks, client);
  await useShortLived();
  for (const started of [client, db]) await started.stop();
  for (const network of networks) await network.stop();
  assert.match((await mine()).join(), /^\/testcontainers-ryuk-[^,]*$/);
}

async function cut() {
  const network = await new Network().start();
  for (const image of ['centos:v1', 'nginx']) await container(image).withNetwork(network).start();
  console.log('started');
  await new Promise(() => undefined);
}

setInterval(() => undefined, 1_000_000); // Testcontainers lets the program end while it follows a log
await (process.argv[2] === 'cut' ? cut() : whole());
console.log('whole');
process.exit(0);
