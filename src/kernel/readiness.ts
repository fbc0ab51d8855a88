/**
 * "This descriptor can be read", told by Node's own event loop (libuv's poll handle, through koffi): no thread, no polling,
 * no copy. It works on what Node's streams cannot wrap: netlink, epoll and raw sockets.
 */
import { pollWithLibuv, type ReadinessHandle } from './ffi.ts';

// A handle that is collected as garbage closes itself; so long as it is wanted it stands here.
const watched = new Set<ReadinessHandle>();

export interface Watch {
  /** Stops; the descriptor stays open and is the caller's to close, after this. */
  close(): void;
  /** Whether the watch keeps the process alive; at first it does not. */
  ref(): void;
  unref(): void;
}

/**
 * Calls `ready` each time the loop comes round while something can be read (level-triggered: read until EAGAIN, or be called
 * again). A descriptor with an error pending (a netlink socket that overflowed) ends the watch, libuv knows no other way:
 * `failed` is called, and may read the error off and watch again.
 */
export function watchReadable(fd: number, ready: () => void, failed?: () => void): Watch {
  let open = true;
  const close = () => {
    if (!open) return;
    open = false;
    watched.delete(handle);
    handle.close();
  };
  // koffi calls from outside Node's callback scope: an exception would be lost and promises would not go on. setImmediate
  // runs in the same round of the loop, before the descriptor is looked at again.
  const handle = pollWithLibuv(fd, (status) =>
    void setImmediate(() => {
      if (!open) return;
      if (status === 0) return ready();
      close();
      failed?.();
    }),
  );
  handle.unref();
  watched.add(handle);
  return { close, ref: () => handle.ref(), unref: () => handle.unref() };
}
