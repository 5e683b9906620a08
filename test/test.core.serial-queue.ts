import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SerialQueue } from '../ts/core/serial-queue.ts';

test('SerialQueue: one after the other, and a failure stops nobody', async () => {
  const queue = new SerialQueue();
  const order: string[] = [];
  const slow = queue.run(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    order.push('slow');
    throw new Error('broken');
  });
  const next = queue.run(() => order.push('next'));
  assert.equal(queue.pending, 2);
  await assert.rejects(slow, /broken/);
  await next;
  assert.deepEqual(order, ['slow', 'next']);
  await queue.idle();
  assert.equal(queue.pending, 0);
});

test('idle() waits for what was there, also for what fails', async () => {
  const queue = new SerialQueue();
  let isOver = false;
  const failing = queue.run(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    isOver = true;
    throw new Error('broken');
  });
  const failed = assert.rejects(failing, /broken/);
  await queue.idle();
  assert.equal(isOver, true);
  await failed;
});
