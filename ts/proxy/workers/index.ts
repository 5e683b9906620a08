/**
 * Worker processes: the planes on all cores.
 *
 * The main process holds the truth (routes, certificates, limits, health, numbers) and the ports; the
 * workers serve. `WorkerPool` starts them, copies every change to them, hands out what is limited over
 * all of them, and adds up what they did. `worker.ts` is the file that they run; `protocol.ts` is what
 * the two say to each other.
 */
export { PooledTcp } from './pooled-tcp.ts';
export { PortBook } from './port-book.ts';
export { type IPoolPlan, type IWorkerPoolParts, WorkerPool } from './worker-pool.ts';
