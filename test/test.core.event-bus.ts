import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rxjs } from '@push.rocks/smartrx';
import { EventBus } from '../ts/core/event-bus.ts';
import { type ILogger, silentLogger } from '../ts/core/logger.ts';

const route = (routeId: string) => ({ routeId, vHost: 'example.test' });

/** A bus and the errors of its listeners, as they were logged. */
function busWithErrors(): { bus: EventBus; errors: string[] } {
  const errors: string[] = [];
  const logger: ILogger = {
    ...silentLogger,
    error: (event, _message, data = {}) => {
      errors.push(`${event} ${data.name}: ${(data.error as Error).message}`);
    },
  };
  return { bus: new EventBus(logger), errors };
}

test('EventBus: listeners get the events of their name, in order, until they leave', () => {
  const bus = new EventBus();
  const got: string[] = [];
  const leave = bus.on('route.added', ({ routeId }) => got.push(`a ${routeId}`));
  bus.on('route.added', ({ routeId }) => got.push(`b ${routeId}`));
  bus.emit('route.added', route('1'));
  bus.emit('route.removed', route('2'));
  leave();
  leave();
  bus.emit('route.added', route('3'));
  assert.deepEqual(got, ['a 1', 'b 1', 'b 3']);
});

test('EventBus.has(): true while somebody listens', () => {
  const bus = new EventBus();
  assert.equal(bus.has('route.added'), false);
  const first = bus.on('route.added', () => undefined);
  const second = bus.on('route.added', () => undefined);
  first();
  assert.equal(bus.has('route.added'), true);
  second();
  assert.equal(bus.has('route.added'), false);
  const third = bus.on('route.added', () => undefined);
  first();
  assert.equal(bus.has('route.added'), true, 'leaving twice does not take another one along');
  third();
  bus.emit('route.added', route('nobody'));
});

test('EventBus: a listener that throws or rejects is logged and stops nobody', async () => {
  const { bus, errors } = busWithErrors();
  let calls = 0;
  bus.on('route.added', () => {
    throw new Error('thrown');
  });
  bus.on('route.added', async () => {
    throw new Error('rejected');
  });
  bus.on('route.added', () => calls++);
  bus.emit('route.added', route('1'));
  bus.emit('route.added', route('2'));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(calls, 2);
  const expected = ['thrown', 'thrown', 'rejected', 'rejected'];
  assert.deepEqual(
    errors,
    expected.map((message) => `event.listenerFailed route.added: ${message}`),
  );
});

test('EventBus: a listener may leave, or come, during an event', () => {
  const bus = new EventBus();
  const got: string[] = [];
  const leave = bus.on('route.added', () => {
    got.push('once');
    leave();
    bus.on('route.added', () => got.push('new'));
  });
  bus.on('route.added', () => got.push('other'));
  bus.emit('route.added', route('1'));
  assert.deepEqual(got, ['once', 'other']);
  bus.emit('route.added', route('2'));
  assert.deepEqual(got, ['once', 'other', 'other', 'new']);
});

test('EventBus.observe(): listens while subscribed, and can be piped', () => {
  const bus = new EventBus();
  const got: string[] = [];
  const observable = bus.observe('route.added');
  assert.equal(bus.has('route.added'), false);
  const plain = observable.subscribe(({ routeId }) => got.push(routeId));
  const piped = observable
    .pipe(
      rxjs.ops.filter(({ routeId }) => routeId !== '1'),
      rxjs.ops.map(({ routeId }) => `piped ${routeId}`),
    )
    .subscribe({ next: (text) => got.push(text) });
  bus.emit('route.added', route('1'));
  bus.emit('route.added', route('2'));
  assert.deepEqual(got, ['1', '2', 'piped 2']);
  plain.unsubscribe();
  piped.unsubscribe();
  assert.equal(bus.has('route.added'), false);
});

test('EventBus.observe(): a subscriber that throws is logged, the process goes on', async () => {
  const { bus, errors } = busWithErrors();
  let calls = 0;
  const observable = bus.observe('route.added');
  observable.subscribe(() => {
    throw new Error('plain');
  });
  observable.pipe(rxjs.ops.map(({ routeId }) => routeId)).subscribe({
    next: () => {
      throw new Error('piped');
    },
  });
  observable
    .pipe(
      rxjs.ops.map((): string => {
        throw new Error('operator');
      }),
    )
    .subscribe();
  observable.subscribe(() => calls++);
  bus.emit('route.added', route('1'));
  bus.emit('route.added', route('2'));
  // Where rxjs would throw it.
  await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(calls, 2);
  const expected = ['plain', 'piped', 'operator', 'plain', 'piped'];
  assert.deepEqual(
    errors,
    expected.map((message) => `event.listenerFailed route.added: ${message}`),
  );
});
