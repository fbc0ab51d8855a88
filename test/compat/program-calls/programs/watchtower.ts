import { ID, IMAGE_ID, LIST, OBJECT, type Program } from '../table.ts';

const API = '/v1.25';

interface Found {
  readonly Config: Record<string, unknown> & { readonly ExposedPorts: object };
  readonly HostConfig: object;
  readonly NetworkSettings: {
    readonly Networks: Record<string, object & { readonly Aliases: readonly string[] | null }>;
  };
}

/** A container that is as another one was: what inspect said of it is what create is asked for. */
export const WATCHTOWER: readonly Program[] = [
  {
    name: 'Watchtower',
    source: 'containrrr/watchtower, pkg/container/client.go and container.go',
    version: 'says 1.25 of itself, unless DOCKER_API_VERSION says another',
    agent: 'Go-http-client/1.1',
    steps: [
      {
        call: `GET ${API}/containers/json?filters={"status":{"running":true}}&limit=0`,
        find: { 'Names 0': '/shop-web-1' },
        keep: { web: 'Id' },
      },
      {
        call: `GET ${API}/containers/{web}/json`,
        reads: {
          Id: ID,
          Name: '/shop-web-1',
          Image: IMAGE_ID,
          'State Running': true,
          'State Restarting': false,
          'HostConfig Links': null,
          'Config Labels': OBJECT,
        },
        keep: { found: '', image: 'Image' },
      },
      {
        call: `GET ${API}/images/{image}/json`,
        reads: { Id: IMAGE_ID, RepoDigests: LIST, 'Config ExposedPorts 80/tcp': {}, 'Config Labels': null },
      },
      { call: `POST ${API}/containers/{web}/kill?signal=SIGTERM`, status: 204 },
      { polls: { call: `GET ${API}/containers/{web}/json`, reads: { 'State Running': false } } },
      { call: `DELETE ${API}/containers/{web}?force=1&v=1`, status: 204 },
      { call: `GET ${API}/containers/{web}/json`, status: 404 },
      {
        makes: 'body',
        of: ({ found, web }) => {
          const { Config, HostConfig, NetworkSettings } = found as Found;
          const short = String(web).slice(0, 12);
          const endpoints = Object.fromEntries(
            Object.entries(NetworkSettings.Networks).map(([name, endpoint]) => [
              name,
              { ...endpoint, Aliases: (endpoint.Aliases ?? []).filter((alias) => alias !== short) },
            ]),
          );
          return { ...Config, Image: 'nginx:latest', HostConfig, NetworkingConfig: { EndpointsConfig: endpoints } };
        },
      },
      {
        makes: 'endpoint',
        of: ({ body }) =>
          (body as { NetworkingConfig: { EndpointsConfig: { shop: object } } }).NetworkingConfig.EndpointsConfig.shop,
      },
      { call: `POST ${API}/containers/create?name=shop-web-1`, body: '{body}', status: 201, keep: { new: 'Id' } },
      { call: `POST ${API}/networks/shop/disconnect`, body: { Container: '{new}', Force: true } },
      { call: `POST ${API}/networks/shop/connect`, body: { Container: '{new}', EndpointConfig: '{endpoint}' } },
      { call: `POST ${API}/containers/{new}/start`, status: 204 },
      {
        call: `GET ${API}/containers/{new}/json`,
        reads: {
          'State Running': true,
          'Config Image': 'nginx:latest',
          'Config Labels com.docker.compose.service': 'web',
          'HostConfig RestartPolicy Name': 'unless-stopped',
          'HostConfig Memory': 268435456,
          'NetworkSettings Networks shop Aliases 0': 'web',
          'Mounts 0 Name': 'shop-data',
        },
      },
    ],
  },
];
