import type {
  IForwardedEvent,
  IHealthReport,
  ILimitQuestions,
  ILogLine,
  TPlaceMessage,
  TToMain,
} from './protocol.ts';

/**
 * Collects what a worker has to say, so that one turn of the event loop is a few messages only. When
 * main does not keep up, events and log lines are dropped; main is told how many lines.
 */
export class Outbox {
  /** Asked for the limits' questions when the turn ends. */
  questions: () => ILimitQuestions | null = () => null;
  private readonly send: (message: TToMain) => void;
  private readonly isCongested: () => boolean;
  private places: TPlaceMessage[] = [];
  private reports: IHealthReport[] = [];
  private events: IForwardedEvent[] = [];
  private lines: ILogLine[] = [];
  private isScheduled = false;
  private dropped = 0;

  /** @param isCongested whether much of what was sent is still on its way. */
  constructor(send: (message: TToMain) => void, isCongested: () => boolean) {
    this.send = send;
    this.isCongested = isCongested;
  }

  /** Sends at the end of this turn. */
  schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => this.flush());
  }

  /** About the places of a route. */
  place(message: TPlaceMessage): void {
    this.places.push(message);
    this.schedule();
  }

  /** About the health of a backend. */
  health(report: IHealthReport): void {
    this.reports.push(report);
    this.schedule();
  }

  /** An event that main's listeners want. */
  event(event: IForwardedEvent): void {
    this.events.push(event);
    this.schedule();
  }

  /** A log line. */
  line(line: ILogLine): void {
    this.lines.push(line);
    this.schedule();
  }

  /** Sends what there is now. */
  flush(): void {
    this.isScheduled = false;
    const { places, reports, events, lines } = this;
    this.places = [];
    this.reports = [];
    this.events = [];
    this.lines = [];
    const questions = this.questions();
    const isCongested = this.isCongested();
    if (isCongested) this.dropped += lines.length;
    else if (this.dropped > 0) lines.push(this.lossLine());
    if (places.length > 0) this.send({ type: 'places', messages: places });
    if (questions !== null) this.send({ type: 'limits', questions });
    if (reports.length > 0) this.send({ type: 'health', reports });
    if (isCongested) return;
    if (events.length > 0) this.send({ type: 'events', events });
    if (lines.length > 0) this.send({ type: 'log', lines });
  }

  private lossLine(): ILogLine {
    const { dropped } = this;
    this.dropped = 0;
    const message = `${dropped} log lines of this worker were lost: the main process was busy`;
    return { level: 'warn', event: 'log.recovered', message, data: { dropped } };
  }
}
