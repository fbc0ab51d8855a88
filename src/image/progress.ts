/** Passes numbers on now and then: a message for each chunk would be too many. */
export function throttle(report: (current: number) => void, total: number): (current: number) => void {
  let lastMs = 0;
  let last = -1;
  return (current) => {
    const nowMs = performance.now();
    if (current === last || (nowMs - lastMs < 100 && current < total)) return;
    lastMs = nowMs;
    last = current;
    report(current);
  };
}
