/** What registries and archives call the things that an image is made of. */
import { parseJsonText } from '../base/json-text.ts';
import { invalid } from '../base/errors.ts';
import type { Compression } from './compression.ts';

export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
export const DOCKER_MANIFEST_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
export const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json';
export const DOCKER_LAYER_GZIP = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
export const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';

const LAYER_TYPE: Readonly<Record<'none' | 'gzip' | 'zstd', string>> = {
  none: OCI_LAYER,
  gzip: `${OCI_LAYER}+gzip`,
  zstd: `${OCI_LAYER}+zstd`,
};

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Manifest {
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

export interface ManifestIndex {
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function descriptor(value: unknown): Descriptor {
  if (!isObject(value) || typeof value['digest'] !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(value['digest'])) {
    throw invalid('invalid manifest: a descriptor without a sha256 digest');
  }
  const size = value['size'];
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw invalid('invalid manifest: a descriptor without a size');
  const platform = value['platform'];
  return {
    mediaType: text(value['mediaType']),
    digest: value['digest'],
    size,
    ...(isObject(platform)
      ? {
          platform: {
            os: text(platform['os']),
            architecture: text(platform['architecture']),
            variant: text(platform['variant']),
          },
        }
      : {}),
    ...(isObject(value['annotations'])
      ? {
          annotations: Object.fromEntries(
            Object.entries(value['annotations']).map(([name, content]) => [name, text(content)]),
          ),
        }
      : {}),
  };
}

/** A value that is not text is ignored. */
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Reads a manifest or an index of manifests; `mediaType` is what the server called it, '' if unknown. */
export function parseManifest(content: Buffer, mediaType = ''): Manifest | ManifestIndex {
  let json: unknown;
  try {
    json = parseJsonText(content.toString());
  } catch (error) {
    throw invalid('invalid manifest: no JSON', error);
  }
  if (!isObject(json)) throw invalid('invalid manifest: no object');
  const declared = typeof json['mediaType'] === 'string' ? json['mediaType'] : mediaType;
  if (Array.isArray(json['manifests']))
    return { mediaType: declared || OCI_INDEX, manifests: json['manifests'].map(descriptor) };
  if (json['schemaVersion'] === 1) {
    throw invalid('Docker Image Format v1 and Docker Image manifest version 2, schema 1 are not supported');
  }
  if (!Array.isArray(json['layers'])) throw invalid('invalid manifest: it has no layers');
  return {
    mediaType: declared || OCI_MANIFEST,
    config: descriptor(json['config']),
    layers: json['layers'].map(descriptor),
  };
}

export function isIndex(manifest: Manifest | ManifestIndex): manifest is ManifestIndex {
  return 'manifests' in manifest;
}

/** The media type of a layer blob; undefined where no registry has a name for its form. */
export function layerMediaType(compression: Compression): string | undefined {
  return compression === 'none' || compression === 'gzip' || compression === 'zstd'
    ? LAYER_TYPE[compression]
    : undefined;
}
