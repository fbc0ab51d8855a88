/** The entry of the thread that stores the output of containers. */
import { parentPort } from 'node:worker_threads';
import { LogPumps } from './log-pumps.ts';
import type { LogNewsItem, LogOrder } from './log-thread.ts';

const port = parentPort!;
const say = (news: LogNewsItem): void => port.postMessage(news);
/** Of each container, the run that was begun last. */
const runs = new Map<string, number>();
const pumps = new LogPumps((failed, reason) => say({ failed, reason }), {
  hold: (held, isHeld) => say({ held, isHeld }),
  done(id) {
    say({ done: id, run: runs.get(id)! });
    runs.delete(id);
  },
});

port.on('message', (order: LogOrder) => {
  if (order.do === 'begin') {
    runs.set(order.id, order.run);
    pumps.begin(order.id, order.spoolPath, order.target);
  } else if (order.do === 'end') pumps.end(order.id);
  else if (order.do === 'rest') say({ rested: order.token, isIdle: pumps.isIdle });
  else {
    if (order.do === 'forget') runs.delete(order.id);
    void pumps[order.do](order.id).then(() => say({ settled: order.token }));
  }
});
