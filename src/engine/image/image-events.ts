/** Events of images. */
import type { EventBus } from '../system/event-bus.ts';

/** What an event says of an image: one that is gone has no labels any more. */
interface ImageSubject {
  readonly id: string;
  readonly config?: { readonly labels: Readonly<Record<string, string>> };
}

/** With the image's labels; `name`: the reference that the action is about, as users write it. */
export function publishImageEvent(events: EventBus, action: string, image: ImageSubject, name = image.id): void {
  events.publish({ type: 'image', action, actorId: image.id, attributes: { ...image.config?.labels, name } });
}
