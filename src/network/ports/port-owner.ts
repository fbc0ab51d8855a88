/** The container that ports are published for. The addresses only serve the error texts. */
export interface PortOwner {
  readonly containerId: string;
  readonly containerName: string;
  readonly sandboxId: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
}
