/** Options of images and registries, and of the builder. */
import { done, noEffect, type DaemonOption } from './option.ts';
import { judgeBuilder, judgeFeatures, judgeStorageDriver, judgeStorageOpts } from './judgements.ts';

export const IMAGE_ROWS: readonly DaemonOption[] = [
  done('registry-mirror', 'list', 'Mirror of Docker Hub to pull from first (https://mirror.example.com)', {
    key: 'registry-mirrors',
    reloads: true,
  }),
  done(
    'insecure-registry',
    'list',
    'Registry (host:port or subnet) to talk to without TLS or without checking its certificate',
    { key: 'insecure-registries', reloads: true },
  ),
  done('http-proxy', 'text', 'HTTP proxy for pulls and pushes (in daemon.json: proxies)'),
  done('https-proxy', 'text', 'HTTPS proxy for pulls and pushes (in daemon.json: proxies)'),
  done('no-proxy', 'text', 'Hosts and networks to reach without a proxy (in daemon.json: proxies)'),
  done('max-concurrent-downloads', 'number', 'Maximum number of concurrent downloads', {
    fallback: '3',
    reloads: true,
  }),
  done('max-concurrent-uploads', 'number', 'Maximum number of concurrent uploads', { fallback: '5', reloads: true }),
  done('max-download-attempts', 'number', 'How often a download is tried', { fallback: '5', reloads: true }),
  noEffect(
    'allow-nondistributable-artifacts',
    'list',
    'Registries to push foreign layers to',
    'foreign layers are pushed to every registry, as with dockerd today',
    { hidden: true },
  ),
  done('storage-driver', 'text', 'Storage driver: overlay2', { short: 's', judge: judgeStorageDriver }),
  done('storage-opt', 'list', 'Storage driver options', { key: 'storage-opts', judge: judgeStorageOpts }),
  done('feature', 'switches', 'Features to turn on or off', {
    key: 'features',
    reloads: true,
    judge: judgeFeatures,
  }),
  {
    ...done(
      'builder',
      'object',
      'Bounds of the build cache: {"gc": {"defaultReservedSpace": "20GB"}} ([build.md](build.md))',
      {
        judge: judgeBuilder,
      },
    ),
    flag: '',
  },
  {
    ...noEffect('deprecated-key-path', 'text', 'Path of the key of images', 'images are not signed with it any more'),
    flag: '',
    hidden: true,
  },
];
