/**
 * Which containers' root file systems are based on each image: the rootfs store reports them, the image store keeps the
 * images in use.
 */
export class ImageMounts {
  readonly #containers = new Map<string, Set<string>>();

  add(imageId: string, containerId: string): void {
    this.#containers.set(imageId, (this.#containers.get(imageId) ?? new Set()).add(containerId));
  }

  /** True where that was the last one. */
  remove(imageId: string, containerId: string): boolean {
    const left = this.#containers.get(imageId);
    left?.delete(containerId);
    if (left && left.size > 0) return false;
    this.#containers.delete(imageId);
    return true;
  }

  has(imageId: string): boolean {
    return this.#containers.has(imageId);
  }
}
