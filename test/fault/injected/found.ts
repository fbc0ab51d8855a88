/** Faults that were once found to leave something half done: each in every run of the suite, beside the sample. */
export interface FoundFault {
  readonly operation: string;
  /** How the visit's name begins. */
  readonly door: string;
  /** Which visit of that name; 1. */
  readonly n?: number;
  readonly errno: string;
}

export const FOUND: readonly FoundFault[] = [
  // The kernel had done it, and its answer could not be taken.
  { operation: 'start', door: 'c.recv@Firewall.change', errno: 'ENOMEM' },
  // The rest of an exit was never settled, and `stop` never answered.
  { operation: 'stop', door: 'fs.rm@removeNote', errno: 'EBUSY' },
  // Every other part of the run stayed for good.
  { operation: 'stop', door: 'fs.rmdir@removeDirectory<removeTree', errno: 'EIO' },
  { operation: 'stop', door: 'c.umount2@unmount<deleteNetns', errno: 'EBUSY' },
  // The first of two volumes stayed.
  { operation: 'create', door: 'store.commit@create<resolveMounts', errno: 'ENOSPC' },
  // What the runtime kept for the next daemon stayed when the container was removed before that could be stored.
  { operation: 'rm of a running container', door: 'store.commit@commit<HeldContainer.store', errno: 'ENOSPC' },
  // It was refused, and the process went on in the container.
  { operation: 'exec', door: 'c.syscall-434@openPidfd<WatchedProcess<begin', errno: 'EMFILE' },
  // It was refused, and the container's volumes were gone.
  { operation: 'rm of a running container', door: 'store.commit@commit<HeldContainer.remove', errno: 'ENOSPC' },
  // The container stayed mounted.
  { operation: 'cp into a container', door: 'c.umount2@unmount<#unmountNow<RootfsStore.unmount', errno: 'EBUSY' },
  // The second name of the index stayed.
  { operation: 'import', door: 'fs.rename@keepPrevious', errno: 'ENOSPC' },
  // An image that was well was put aside.
  { operation: 'start of the daemon', door: 'fs.readFile@ImageConfigs.get<#config<#damage', errno: 'EMFILE' },
  // A container that ran lost its network.
  { operation: 'start of the daemon', door: 'c.send@RouteSocket.link<#joinBridge', errno: 'ENOMEM' },
  // It stayed down, although its policy says always.
  {
    operation: "start of the daemon after a container's end",
    door: 'fs.mkdir@prepareBundle<Runtime.create',
    errno: 'ENOSPC',
  },
  // A repair before the row was taken back put its elements in, and they stayed.
  { operation: 'network connect', door: 'c.send@Firewall.change<change-elements', errno: 'ENOMEM' },
  // An archive was called invalid, in Node's words, because there was no descriptor.
  { operation: 'load', door: 'fs.readFile@BlobStore.read<readJson<dockerArchive', errno: 'EMFILE' },
  // It was refused, and the network was there.
  { operation: 'network create', door: 'c.send@listLinks<RouteSocket.links<hostInterfaces', errno: 'ENOMEM' },
  // A daemon that could not start went on listening, and answered nobody.
  { operation: 'start of the daemon', door: 'fs.readFile@groupId<socketGroup<restrict', errno: 'EMFILE' },
  // The volume's own directory stayed where the one in it could not be made.
  { operation: 'volume create', door: 'fs.mkdir@makeOne<#makeDirectory', n: 2, errno: 'ENOSPC' },
];
