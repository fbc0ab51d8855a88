/** Both walk-throughs, end to end, through dockerode: the client of many Node programs. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { after, before, test } from 'node:test';
import type { TestEngine } from '../harness/test-engine.ts';
import {
  playLinks,
  playNetworks,
  walkthroughEngine,
  type RunRequest,
  type WalkthroughClient,
} from '../harness/walkthrough.ts';

// dockerode has no types here.
const { default: Docker } = (await import('dockerode' as string)) as { default: new (options: object) => any };

let world: Awaited<ReturnType<typeof walkthroughEngine>>;

before(async () => {
  world = await walkthroughEngine(dockerodeClient);
});
after(() => world?.engine.destroy());

test('links, through dockerode', () => playLinks(world.engine, world.client, world.images));
test('networks, through dockerode', () => playNetworks(world.engine, world.client));

function dockerodeClient(engine: TestEngine): WalkthroughClient {
  const docker = new Docker({ socketPath: engine.socket });
  const create = (request: RunRequest, extra: object = {}): Promise<any> =>
    docker.createContainer({
      Image: request.image,
      ...(request.name === undefined ? {} : { name: request.name }),
      ...extra,
      ExposedPorts: Object.fromEntries(Object.keys(request.publish ?? {}).map((port) => [port, {}])),
      HostConfig: {
        ...(request.network === undefined ? {} : { NetworkMode: request.network }),
        Links: request.links ?? [],
        PublishAllPorts: request.publishAll === true,
        PortBindings: Object.fromEntries(
          Object.entries(request.publish ?? {}).map(([port, hostPort]) => [port, [{ HostPort: hostPort }]]),
        ),
      },
    });
  /** Both streams, taken apart and put together in the order in which they came. */
  const gather = async (stream: NodeJS.ReadableStream): Promise<string> => {
    let output = '';
    const sink = new PassThrough();
    sink.setEncoding('utf8').on('data', (text: string) => (output += text));
    docker.modem.demuxStream(stream, sink, sink);
    await new Promise((resolve) => stream.once('end', resolve).once('close', resolve));
    return output;
  };
  const inspect = (container: string): Promise<any> => docker.getContainer(container).inspect();
  return {
    async load(write) {
      const archive = new PassThrough();
      const [answer] = await Promise.all([
        docker.loadImage(archive, { quiet: 1 }) as Promise<NodeJS.ReadableStream>,
        write(archive),
      ]);
      let said = '';
      for await (const chunk of answer) said += String(chunk);
      assert.match(said, /Loaded image: training\/postgres:latest/);
    },
    async start(request) {
      const container = await create(request);
      await container.start();
      return container.id as string;
    },
    async runToEnd(request, ...command) {
      const container = await create(request, { Cmd: command, AttachStdout: true, AttachStderr: true });
      const output = gather(await container.attach({ stream: true, stdout: true, stderr: true }));
      const ended = container.wait({ condition: 'next-exit' });
      await container.start();
      assert.equal((await ended).StatusCode, 0);
      await container.remove();
      return output;
    },
    async exec(container, ...command) {
      const exec = await docker.getContainer(container).exec({ Cmd: command, AttachStdout: true, AttachStderr: true });
      const output = await gather(await exec.start({ hijack: true, stdin: false }));
      return { code: (await exec.inspect()).ExitCode as number, output };
    },
    stop: (container) => docker.getContainer(container).stop({ t: 5 }),
    startAgain: (container) => docker.getContainer(container).start(),
    removeForced: (container) => docker.getContainer(container).remove({ force: true }),
    async names() {
      const containers = (await docker.listContainers()) as { Names: string[] }[];
      // The container's own name before those that links give it, as the command lines print them.
      return containers.map(({ Names }) =>
        Names.map((name) => name.slice(1))
          .sort((a, b) => a.split('/').length - b.split('/').length)
          .join(','),
      );
    },
    links: async (container) => (await inspect(container)).HostConfig.Links as string[],
    address: async (container, network) =>
      (await inspect(container)).NetworkSettings.Networks[network].IPAddress as string,
    hostPort: async (container, port) => (await inspect(container)).NetworkSettings.Ports[port][0].HostPort as string,
    createNetwork: async (name) => (await docker.createNetwork({ Name: name })).id as string,
    removeNetwork: (name) => docker.getNetwork(name).remove(),
    networkNames: async () => ((await docker.listNetworks()) as { Name: string }[]).map(({ Name }) => Name),
  };
}
