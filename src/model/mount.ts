export interface MountSpec {
  readonly type: 'bind' | 'volume' | 'tmpfs' | 'image';
  readonly source: string;
  readonly target: string;
  readonly readonly: boolean;
  readonly bind: {
    readonly propagation: string;
    readonly nonRecursive: boolean;
    readonly createMountpoint: boolean;
    /** Of a read-only bind, only the top is: mounts below it stay as they are. */
    readonly readonlyNonRecursive?: boolean;
    /** A read-only bind is refused where what is mounted below it cannot be read-only too. */
    readonly readonlyForceRecursive?: boolean;
    /** Only this path inside of the source, which must not lead out of it: of builds. */
    readonly subpath?: string;
  } | null;
  readonly volume: {
    readonly noCopy: boolean;
    readonly labels: Readonly<Record<string, string>>;
    readonly driver: string;
    readonly driverOpts: Readonly<Record<string, string>>;
    readonly subpath: string;
  } | null;
  readonly tmpfs: { readonly sizeBytes: number; readonly mode: number } | null;
  /** Of images; absent in older records. */
  readonly image?: { readonly subpath: string } | null;
}

/** A mount as resolved at create: what inspect shows under Mounts and what the runtime is given. */
export interface MountPoint {
  readonly type: 'bind' | 'volume' | 'tmpfs' | 'image';
  readonly name: string; // the volume's name, or the image's as the user wrote it; '' for others
  readonly source: string; // on the host; '' of an image, which is mounted anew at each start
  /** Of an image: which one that name meant. */
  readonly imageId?: string;
  /** Only this path inside of the source, resolved again at each start; of volumes and images. */
  readonly subpath?: string;
  readonly destination: string; // in the container
  readonly driver: string; // 'local' for volumes
  readonly mode: string; // as given: 'ro', 'z', ''
  readonly rw: boolean;
  readonly propagation: string; // '' = rprivate
  /**
   * What becomes of mounts below the source of a bind: they are left out, stay writable in a read-only one, or have to be
   * read-only there. Not given: they are read-only too where the kernel can do that.
   */
  readonly below?: 'left out' | 'writable' | 'readonly';
  readonly noCopy: boolean;
  readonly tmpfsOptions: string; // for tmpfs: 'size=...,mode=...'
}

export interface VolumeRecord {
  readonly name: string;
  readonly driver: 'local';
  readonly createdAt: string;
  readonly mountpoint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly anonymous: boolean;
  /** The container that it is being made for, until a container that uses it is stored. If none ever is, it goes. */
  readonly madeFor?: string;
}
