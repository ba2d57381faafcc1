import { expect, it } from 'vitest';
import { brokerAddresses } from './broker-addresses.ts';

it.each([
  ['amqp://h', ['amqp://h?heartbeat=5']],
  [
    'amqp://user:se%2Fcret@a:1,b,c:3/jobs',
    [
      'amqp://user:se%2Fcret@a:1/jobs?heartbeat=5',
      'amqp://user:se%2Fcret@b/jobs?heartbeat=5',
      'amqp://user:se%2Fcret@c:3/jobs?heartbeat=5',
    ],
  ],
  ['amqps://x:1@a/v?heartbeat=30,amqp://b', ['amqps://x:1@a/v?heartbeat=30', 'amqp://b?heartbeat=5']],
  ['amqp://[::1]:5672,[::2]', ['amqp://[::1]:5672?heartbeat=5', 'amqp://[::2]?heartbeat=5']],
])('reads %s', (uri, addresses) => {
  expect(brokerAddresses(uri)).toEqual(addresses);
});

it('refuses what is no address of a broker', () => {
  expect(() => brokerAddresses('http://a')).toThrow('amqp://');
});
