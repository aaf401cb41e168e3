/**
 * A client that gave a progress token hears of a call that goes on though its server says nothing: many have no patience but
 * for progress, which starts their clock anew.
 */
import type { McpNotification } from '../../runtime/mcp/message.ts';
import type { Exchange } from './relay.ts';
import type { Visit } from './visit.ts';

/** Progress must increase with each notification (MCP, Progress): by as little as a number can, as it is none of the server's. */
const justAbove = (progress: number): number => progress + Math.max(Math.abs(progress) * 2 ** -51, 2 ** -30);

/** Where progress stands. Pure. */
export interface Told {
  progress: number | undefined;
  /** Whether others have said some of it than the server in one call: the mesh, or another call under the same key. */
  isMixed: boolean;
}

export const ownProgress = ({ progress }: Told): number => (progress === undefined ? 0 : justAbove(progress));

/** The server's progress, above what others have said before. */
export const serversProgress = ({ progress, isMixed }: Told, said: number): number =>
  isMixed && progress !== undefined && said <= progress ? justAbove(progress) : said;

export interface Pulse {
  tell: Exchange['tell'];
  /** What comes now is of another call. */
  another(): void;
  end(): void;
}

/** @param afterMs how long nothing may be said, milliseconds. */
export const createPulse = (
  exchange: Pick<Exchange, 'speaker' | 'tell'>,
  { response }: Visit,
  afterMs: number,
): Pulse => {
  const { progressToken } = exchange.speaker.meta;
  if (progressToken === undefined) return { tell: exchange.tell, another: () => {}, end: () => {} };
  let told: Told = { progress: undefined, isMixed: false };
  const beat = () => {
    // A client that does not read has what it needs to know that the call goes on.
    if (response.writableNeedDrain || response.destroyed) return;
    told = { progress: ownProgress(told), isMixed: true };
    const params = { progressToken, progress: told.progress };
    exchange.tell({ method: 'notifications/progress', params }).catch(() => {});
  };
  const timer = setInterval(beat, afterMs).unref();
  const tell = (notification: McpNotification) => {
    timer.refresh();
    const progress = notification.params?.progress;
    if (notification.method !== 'notifications/progress' || typeof progress !== 'number')
      return exchange.tell(notification);
    told = { ...told, progress: serversProgress(told, progress) };
    return exchange.tell({ ...notification, params: { ...notification.params, progress: told.progress } });
  };
  const another = () => {
    told = { ...told, isMixed: true };
  };
  return { tell, another, end: () => clearInterval(timer) };
};
