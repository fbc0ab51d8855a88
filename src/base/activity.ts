/**
 * What this process is doing, for the watchdog that reports what blocked the event loop: the names of what was begun
 * lately and of what is in progress. Noting costs an assignment; nothing happens by itself.
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

/** There is activity: the loop's watchdog watches from now on. */
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

/** What is in progress, the longest first. */
export function activitiesUnderWay(): readonly Activity[] {
  return [...underWay];
}

/** `listener` is called at each beat; undefined: none. */
export function listenToBeats(listener: (() => void) | undefined): void {
  onBeat = listener;
}
