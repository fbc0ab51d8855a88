/**
 * Makes an archive's entries in a tree, in this process: no program has the tree as its root, and nothing is reached by
 * a path that the kernel would resolve from the host's root. The directory of an entry is found inside the tree
 * (root-path.ts), symbolic links and volumes included, and its last component is created afresh by that directory's
 * descriptor. So an archive with a link to anywhere and then a file "below" it stays inside, and so does one whose
 * target a process swaps meanwhile.
 */
import { ftruncateSync, fstatSync, writeSync } from 'node:fs';
import { invalid } from '../base/errors.ts';
import { closeFd, O_DIRECTORY, openFd } from '../kernel/descriptors.ts';
import { isKernelError } from '../kernel/errors.ts';
import { asBytes, asText, mountAt, openMountSource, pathComponents, type RootView } from '../kernel/root-path.ts';
import { removeEntry } from '../kernel/remove-entry.ts';
import {
  createFile,
  makeHardLink,
  makeNode,
  makeOrOpenDirectory,
  makeSymlink,
  openEntry,
  setEntryTimes,
  setEntryXattr,
  setNodeOwnership,
  setOwnership,
  setTimes,
  setXattr,
} from '../kernel/tree-writer.ts';
import { EntryDirectories, type FoundDirectory } from './entry-directories.ts';
import { entryTimes, entryXattrs, extractionError, placeInTree, type EntryTimes } from './extracted-entry.ts';
import { sparseMapOf, type SparseMapReader } from './sparse-map.ts';
import type { TarEntry, TarVerdict, TarVisitor } from './tar-reader.ts';

export interface ExtractionTarget {
  readonly view: RootView;
  /** Where in it; absolute, without symbolic links. */
  readonly into: string;
  /**
   * Refuse to put a file in a directory's place and the other way round; else what is there goes, with all below it.
   */
  readonly noOverwriteDirNonDir?: boolean;
  /** Everything is given to this one; else to the owners in the archive. */
  readonly owner?: { readonly uid: number; readonly gid: number } | null;
  /** The directory itself stays as it is, whatever the archive says of it. */
  readonly keepTarget?: boolean;
}

interface OpenFile {
  readonly entry: TarEntry;
  readonly path: string;
  readonly fd: number;
  left: number; // of the content
  readonly sparse: SparseMapReader | undefined;
  piece: number;
  pieceAt: number;
}

interface Place {
  readonly parent: FoundDirectory;
  readonly name: string;
  readonly path: string; // bytes, absolute in the view
}

const AS_IT_COMES: TarVerdict = { headers: Buffer.alloc(0), dropContent: false };
const NO_CONTENT: TarVerdict = { headers: Buffer.alloc(0), dropContent: true };

/** A visitor that makes what it is shown; `content` is to get what the reader emits. Call `end` or `abandon`. */
export class TreeExtraction implements TarVisitor {
  readonly #target: ExtractionTarget;
  readonly #into: string; // bytes
  readonly #mountPaths: readonly string[];
  #file: OpenFile | undefined;
  #parent: { readonly path: string; readonly found: FoundDirectory } | undefined;
  readonly #directoriesOf: EntryDirectories;
  readonly #directories: { readonly path: string; readonly times: EntryTimes }[] = [];

  constructor(target: ExtractionTarget) {
    this.#target = target;
    this.#directoriesOf = new EntryDirectories(target.view);
    this.#into = `/${pathComponents(asBytes(target.into)).join('/')}`;
    this.#mountPaths = (target.view.mounts ?? []).map(
      (mount) => `/${pathComponents(asBytes(mount.destination)).join('/')}`,
    );
  }

  visit(entry: TarEntry): TarVerdict {
    this.#finishFile();
    const name = entry.pax.get('GNU.sparse.name') ?? entry.header.name;
    const path = placeInTree(this.#into, name);
    if (path === this.#into && (this.#target.keepTarget || entry.header.type !== '5')) return NO_CONTENT;
    return this.#attempt(path, () => this.#make(entry, path));
  }

  #attempt<T>(path: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw extractionError(asText(path), error);
    }
  }

  #make(entry: TarEntry, path: string): TarVerdict {
    const { header } = entry;
    switch (header.type) {
      case '0':
      case 'S':
        this.#openFile(entry, path);
        return AS_IT_COMES;
      case '1':
        this.#hardLink(entry, path);
        break;
      case '2':
        this.#symlink(entry, path);
        break;
      case '3':
      case '4':
      case '6':
        this.#node(entry, path);
        break;
      case '5':
        this.#directory(entry, path);
        break;
      default:
        throw invalid(`unhandled tar header type ${header.type.charCodeAt(0)}`);
    }
    return NO_CONTENT;
  }

  /** The directory of an entry, made if it is missing, and the entry's name in it. Good until something is removed. */
  #place(path: string): Place {
    const slash = path.lastIndexOf('/');
    const directory = path.slice(0, slash) || '/';
    if (this.#parent?.path !== directory) {
      this.#forgetParent();
      this.#parent = { path: directory, found: this.#directoriesOf.findOrMake(directory) };
    }
    const parent = this.#parent.found;
    const name = path.slice(slash + 1);
    return { parent, name, path: parent.bytePath === '/' ? `/${name}` : `${parent.bytePath}/${name}` };
  }

  #forgetParent(): void {
    this.#parent?.found.close();
    this.#parent = undefined;
  }

  /** Makes something where nothing may be: what is in the way is taken away first. */
  #makeAnew<T>(path: string, isDirectory: boolean, make: (place: Place) => T): T {
    const place = this.#place(path);
    this.#refuseMountPoint(place.path);
    try {
      return make(place);
    } catch (error) {
      if (!isKernelError(error, 'EEXIST', ...(isDirectory ? ['ENOTDIR', 'ELOOP'] : []))) throw error;
    }
    this.#refuseOverwrite(place, isDirectory);
    removeEntry(place.parent.fd, place.name);
    this.#forgetParent();
    return make(this.#place(path));
  }

  /** A volume is no file that could be replaced, and neither is a directory that one is below. */
  #refuseMountPoint(path: string): void {
    if (this.#mountPaths.some((mount) => mount === path))
      throw invalid(`unlinkat ${asText(path)}: device or resource busy`);
  }

  #refuseOverwrite(place: Place, isDirectory: boolean): void {
    const fd = openEntry(place.parent.fd, place.name);
    const thereIsDirectory = fstatSync(fd).isDirectory();
    closeFd(fd);
    if (this.#target.noOverwriteDirNonDir && thereIsDirectory !== isDirectory) {
      const [kind, other] = thereIsDirectory ? ['directory', 'non-directory'] : ['non-directory', 'directory'];
      throw invalid(
        `cannot overwrite ${kind} ${JSON.stringify(asText(place.path))} with ${other} ${JSON.stringify(this.#target.into)}`,
      );
    }
    if (thereIsDirectory && this.#mountPaths.some((mount) => mount.startsWith(`${place.path}/`))) {
      throw invalid(`unlinkat ${asText(place.path)}: device or resource busy`);
    }
  }

  #ownership({ header }: TarEntry): { uid: number; gid: number; mode: number } {
    const { uid, gid } = this.#target.owner ?? header;
    // The highest number means "leave it" to the kernel.
    if (![uid, gid].every((id) => Number.isInteger(id) && id >= 0 && id < 0xffffffff))
      throw invalid('archive/tar: invalid tar header');
    return { uid, gid, mode: header.mode & 0o7777 };
  }

  #openFile(entry: TarEntry, path: string): void {
    const sparse = sparseMapOf(entry.block, entry.header.type, entry.pax);
    const fd = this.#makeAnew(path, false, ({ parent, name }) => createFile(parent.fd, name));
    this.#file = { entry, path, fd, left: entry.header.sizeBytes, sparse, piece: 0, pieceAt: 0 };
  }

  /** Content of the current file, with the padding at its end. */
  content(bytes: Buffer): void {
    const file = this.#file;
    if (!file || bytes.length === 0) return;
    let rest = bytes;
    this.#attempt(file.path, () => {
      if (file.sparse && !file.sparse.map) {
        const taken = file.sparse.take(rest);
        // The old form's map is outside the content, the new one's is part of it.
        if (file.entry.header.type !== 'S') file.left -= taken;
        rest = rest.subarray(taken);
      }
      rest = rest.subarray(0, file.left);
      file.left -= rest.length;
      if (file.sparse) writePieces(file, rest);
      else writeAll(file.fd, rest, null);
    });
  }

  #finishFile(): void {
    const file = this.#file;
    if (!file) return;
    this.#file = undefined;
    try {
      this.#attempt(file.path, () => {
        if (file.sparse) {
          if (!file.sparse.map) throw invalid('archive/tar: invalid tar header');
          ftruncateSync(file.fd, file.sparse.map.sizeBytes);
        }
        setOwnership(file.fd, this.#ownership(file.entry));
        // After the owner and the content, which take capabilities away.
        for (const [name, value] of entryXattrs(file.entry)) setXattr(file.fd, name, value);
        const { modified, accessed } = entryTimes(file.entry);
        setTimes(file.fd, modified, accessed);
      });
    } finally {
      closeFd(file.fd);
    }
  }

  #directory(entry: TarEntry, path: string): void {
    const fd = this.#openDirectory(path);
    try {
      setOwnership(fd, this.#ownership(entry));
      for (const [name, value] of entryXattrs(entry)) setXattr(fd, name, value);
    } finally {
      closeFd(fd);
    }
    this.#directories.push({ path, times: entryTimes(entry) });
  }

  #openDirectory(path: string): number {
    if (path === this.#into) return this.#directoriesOf.reopen(path);
    const mount = mountAt(this.#target.view, this.#place(path).path);
    if (!mount) return this.#makeAnew(path, true, ({ parent, name }) => makeOrOpenDirectory(parent.fd, name, 0o700));
    const source = openMountSource(mount);
    try {
      return openFd(`/proc/self/fd/${source}`, O_DIRECTORY);
    } catch (error) {
      if (isKernelError(error, 'ENOTDIR')) throw invalid(`unlinkat ${asText(path)}: device or resource busy`);
      throw error;
    } finally {
      closeFd(source);
    }
  }

  #hardLink({ header }: TarEntry, path: string): void {
    const target = placeInTree(this.#into, header.linkName);
    if (target === path) return;
    const slash = target.lastIndexOf('/');
    const directory = this.#directoriesOf.find(target.slice(0, slash) || '/');
    try {
      this.#makeAnew(path, false, ({ parent, name }) =>
        makeHardLink(directory.fd, target.slice(slash + 1), parent.fd, name),
      );
    } finally {
      directory.close();
    }
  }

  #symlink(entry: TarEntry, path: string): void {
    const place = this.#makeAnew(path, false, (at) => (makeSymlink(entry.header.linkName, at.parent.fd, at.name), at));
    this.#dress(entry, place, (fd) => fstatSync(fd).isSymbolicLink());
  }

  #node(entry: TarEntry, path: string): void {
    const { type, deviceMajor, deviceMinor } = entry.header;
    const kind = type === '3' ? 'character' : type === '4' ? 'block' : 'fifo';
    const place = this.#makeAnew(
      path,
      false,
      (at) => (makeNode(at.parent.fd, at.name, kind, deviceMajor, deviceMinor), at),
    );
    this.#dress(entry, place, (fd) => {
      const stats = fstatSync(fd);
      return kind === 'character'
        ? stats.isCharacterDevice()
        : kind === 'block'
          ? stats.isBlockDevice()
          : stats.isFIFO();
    });
  }

  /** Owner and the like of what cannot be opened, unless something else has been put in its place. */
  #dress(entry: TarEntry, { parent, name }: Place, isIt: (fd: number) => boolean): void {
    const fd = openEntry(parent.fd, name);
    try {
      if (!isIt(fd)) return;
      setNodeOwnership(fd, this.#ownership(entry));
    } finally {
      closeFd(fd);
    }
    for (const [attribute, value] of entryXattrs(entry)) setEntryXattr(parent.fd, name, attribute, value);
    const { modified, accessed } = entryTimes(entry);
    setEntryTimes(parent.fd, name, modified, accessed);
  }

  /** The archive is complete. Directories get their times last: making something in them changes these. */
  end(): void {
    this.#finishFile();
    this.#forgetParent();
    for (const { path, times } of this.#directories.reverse()) {
      this.#attempt(path, () => {
        let fd: number;
        try {
          fd = this.#directoriesOf.reopen(path);
        } catch {
          return; // a later entry, or another process, has put something else there
        }
        try {
          setTimes(fd, times.modified, times.accessed);
        } finally {
          closeFd(fd);
        }
      });
    }
  }

  /** Lets go of what is open. */
  abandon(): void {
    if (this.#file) closeFd(this.#file.fd);
    this.#file = undefined;
    this.#forgetParent();
    this.#directoriesOf.close();
  }
}

function writeAll(fd: number, bytes: Buffer, position: number | null): void {
  for (let at = 0; at < bytes.length;)
    at += writeSync(fd, bytes, at, bytes.length - at, position === null ? null : position + at);
}

function writePieces(file: OpenFile, bytes: Buffer): void {
  let rest = bytes;
  while (rest.length > 0) {
    const piece = file.sparse!.map?.pieces[file.piece];
    if (!piece) throw invalid('archive/tar: invalid tar header');
    const [offset, length] = piece;
    const part = rest.subarray(0, length - file.pieceAt);
    writeAll(file.fd, part, offset + file.pieceAt);
    file.pieceAt += part.length;
    rest = rest.subarray(part.length);
    if (file.pieceAt === length) {
      file.piece++;
      file.pieceAt = 0;
    }
  }
}
