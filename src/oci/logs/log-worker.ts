/** The entry of the thread that stores the output of containers. */
import { parentPort } from 'node:worker_threads';
import { LogPumps } from './log-pumps.ts';
import type { LogNewsItem, LogOrder } from './log-thread.ts';

const port = parentPort!;
const say = (news: LogNewsItem): void => port.postMessage(news);
const pumps = new LogPumps((failed, reason) => say({ failed, reason }), {
  hold: (held, isHeld) => say({ held, isHeld }),
});

port.on('message', (order: LogOrder) => {
  if (order.do === 'begin') pumps.begin(order.id, order.spoolPath, order.target);
  else if (order.do === 'end') pumps.end(order.id);
  else void pumps[order.do](order.id).then(() => say({ settled: order.token }));
});
