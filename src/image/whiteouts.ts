/**
 * Deletions in layers. In an image's tar a deleted file is an empty '.wh.NAME', and a directory that hides what was
 * below is one that has '.wh..wh..opq'; overlayfs uses a character device 0:0 and an extended attribute. Both
 * translations are made on the tar stream, so that the files are never on disk in the wrong form.
 */
import { formatTarHeader, impliedDirectory, type PaxRecords, type TarHeader } from '../base/tar-headers.ts';
import type { TarEntry, TarVerdict, TarVisitor } from './tar-reader.ts';

const PREFIX = '.wh.';
const META_PREFIX = '.wh..wh.';
const OPAQUE = '.wh..wh..opq';
const XATTR = 'SCHILY.xattr.';
const OVERLAY_XATTR = `${XATTR}trusted.overlay.`;
const OPAQUE_XATTR = `${OVERLAY_XATTR}opaque`;

/** 'a/b' for './a//b/', '/a/b'; '' for the root. */
export function cleanEntryName(name: string): string {
  return name
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}

function split(name: string): [directory: string, base: string] {
  const slash = name.lastIndexOf('/');
  return slash < 0 ? ['', name] : [name.slice(0, slash), name.slice(slash + 1)];
}

function join(directory: string, base: string): string {
  return directory === '' ? base : `${directory}/${base}`;
}

function withoutOverlayXattrs(pax: PaxRecords): PaxRecords {
  return new Map([...pax].filter(([key]) => !key.startsWith(OVERLAY_XATTR)));
}

function hasOverlayXattrs(pax: PaxRecords): boolean {
  for (const key of pax.keys()) if (key.startsWith(OVERLAY_XATTR)) return true;
  return false;
}

/** From an image's layer to overlayfs; also counts what the files weigh. */
export class LayerToOverlay implements TarVisitor {
  /** The sum of the files' sizes: what Docker calls the layer's size. */
  sizeBytes = 0;
  readonly #seen = new Map<string, TarHeader | null>(); // directories with their header
  readonly #opaque = new Set<string>();
  readonly #deleted = new Set<string>();

  visit({ header, pax }: TarEntry): TarVerdict {
    const name = cleanEntryName(header.name);
    const [directory, base] = split(name);
    if (base === OPAQUE) {
      this.#opaque.add(directory);
      return 'drop';
    }
    if (base.startsWith(META_PREFIX)) return 'drop'; // AUFS's own files
    if (base.startsWith(PREFIX)) return this.#whiteout(join(directory, base.slice(PREFIX.length)), header);
    if (header.type === '0' || header.type === 'S') this.sizeBytes += header.sizeBytes;
    const isDirectory = header.type === '5';
    // Deleted and recreated in one layer: as a directory it must not show what was below.
    if (isDirectory && this.#deleted.has(name)) this.#opaque.add(name);
    this.#seen.set(name, isDirectory ? header : null);
    if (!hasOverlayXattrs(pax)) return undefined;
    // A layer may not speak to overlayfs itself: its attributes can point anywhere in the layers below.
    return { headers: formatTarHeader(header, withoutOverlayXattrs(pax)), dropContent: false };
  }

  #whiteout(target: string, header: TarHeader): TarVerdict {
    const [, base] = split(target);
    if (base === '' || base === '.' || base === '..') return 'drop';
    this.#deleted.add(target);
    const seen = this.#seen.get(target);
    if (seen !== undefined) {
      // A whiteout speaks of the layers below only: what this layer brings stays.
      if (seen !== null) this.#opaque.add(target);
      return 'drop';
    }
    const device: TarHeader = {
      ...header,
      name: target,
      type: '3',
      mode: 0,
      uid: 0,
      gid: 0,
      sizeBytes: 0,
      linkName: '',
      deviceMajor: 0,
      deviceMinor: 0,
    };
    return { headers: formatTarHeader(device), dropContent: true };
  }

  finish(): Buffer {
    const entries: Buffer[] = [];
    for (const name of this.#opaque) {
      const header = this.#seen.get(name) ?? impliedDirectory(name);
      entries.push(
        formatTarHeader({ ...header, name: name === '' ? './' : `${name}/` }, new Map([[OPAQUE_XATTR, 'y']])),
      );
    }
    return Buffer.concat(entries);
  }
}

/** From a container's upper directory, as GNU tar reads it, to an image's layer. */
export class OverlayToLayer implements TarVisitor {
  visit({ header, pax }: TarEntry): TarVerdict {
    const name = cleanEntryName(header.name);
    if (header.type === '3' && header.deviceMajor === 0 && header.deviceMinor === 0) {
      const [directory, base] = split(name);
      const file: TarHeader = { ...header, name: join(directory, PREFIX + base), type: '0', mode: 0, sizeBytes: 0 };
      return { headers: formatTarHeader(file), dropContent: false };
    }
    if (!hasOverlayXattrs(pax)) return undefined;
    const headers = [formatTarHeader(header, withoutOverlayXattrs(pax))];
    if (header.type === '5' && pax.get(OPAQUE_XATTR) === 'y') {
      const mark: TarHeader = { ...header, name: join(name, OPAQUE), type: '0', mode: 0, sizeBytes: 0 };
      headers.push(formatTarHeader(mark));
    }
    return { headers: Buffer.concat(headers), dropContent: false };
  }
}
