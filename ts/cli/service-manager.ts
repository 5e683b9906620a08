import { execFile } from 'node:child_process';

/**
 * Tells systemd that this process serves and is the service's main one, where systemd wants to know
 * (`Type=notify`, `NotifyAccess=all`): after a start, and after a hand-over to this process.
 *
 * Resolves when it was told, or at once where nobody asked.
 *
 * @returns why it could not be told; null: it was, or nobody asked.
 * @see sd_notify(3); Node has no datagrams over unix sockets, so `systemd-notify` sends it.
 */
export function notifyServiceManager(env: NodeJS.ProcessEnv = process.env): Promise<string | null> {
  if (env.NOTIFY_SOCKET === undefined) return Promise.resolve(null);
  const given = ['--ready', `--pid=${process.pid}`];
  return new Promise((resolve) => {
    execFile('systemd-notify', given, { env }, (error) => resolve(error?.message ?? null));
  });
}
