/**
 * What this process is doing, for the watchdog that asks who kept the event loop: the names of what was begun lately and of what
 * is under way. Noting costs an assignment; nothing happens by itself.
 */
export interface Activity {
  readonly what: string;
  readonly sinceMs: number; // performance.now()
}

const KEPT = 8;
const lately: Activity[] = [];
let next = 0;
const underWay = new Set<Activity>();
let onBeat: (() => void) | undefined;

/** Something happens: who watches the loop, watches now. */
export function beat(): void {
  onBeat?.();
}

/** Something begins that takes a moment. */
export function noteActivity(what: string): Activity {
  const activity = { what, sinceMs: performance.now() };
  lately[next] = activity;
  next = (next + 1) % KEPT;
  beat();
  return activity;
}

/** Something begins that may take long; the result ends it. */
export function beginActivity(what: string): () => void {
  const activity = noteActivity(what);
  underWay.add(activity);
  return () => void underWay.delete(activity);
}

/** The latest first. */
export function latestActivities(): Activity[] {
  return [...lately].sort((a, b) => b.sinceMs - a.sinceMs);
}

/** What is under way, the longest first. */
export function activitiesUnderWay(): readonly Activity[] {
  return [...underWay];
}

/** `listener` is called at each beat; undefined: nobody. */
export function listenToBeats(listener: (() => void) | undefined): void {
  onBeat = listener;
}
