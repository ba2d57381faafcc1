import Type from 'typebox';
import { defineRoute, ok } from '../route.ts';

const laneSchema = Type.Object({
  message_count: Type.Integer({ minimum: 0 }),
  consumer_count: Type.Integer({ minimum: 0 }),
});
const statsSchema = Type.Object(
  {
    chat_queue: laneSchema,
    response_queue: laneSchema,
    batch_queue: laneSchema,
    stream_queue: laneSchema,
    dead_letters: laneSchema,
  },
  { title: 'QueueStats' },
);

export const getQueueStats = defineRoute({
  id: 'getQueueStats',
  method: 'GET',
  path: '/debug/queue-stats',
  group: 'Operation',
  summary: 'How much waits in each lane',
  description:
    'Jobs ready and consumers per lane. `response_queue` counts the answers being delivered and the readers attached; `dead_letters` those that failed past their attempts.',
  access: 'key',
  responses: {
    200: {
      description: 'Counts.',
      schema: statsSchema,
      example: {
        chat_queue: { message_count: 5, consumer_count: 2 },
        response_queue: { message_count: 3, consumer_count: 4 },
        batch_queue: { message_count: 0, consumer_count: 2 },
        stream_queue: { message_count: 1, consumer_count: 2 },
        dead_letters: { message_count: 0, consumer_count: 0 },
      },
    },
  },
  errors: ['queue_unavailable', 'database_unavailable', 'state_unavailable'],
  example: {},
  async handle(http) {
    const { queue, log, deadLetters } = http.deps.ports;
    const [lanes, answers, dead] = await Promise.all([queue.stats(), log.stats(), deadLetters.count()]);
    const lane = ({ messageCount, consumerCount }: { messageCount: number; consumerCount: number }) => ({
      message_count: messageCount,
      consumer_count: consumerCount,
    });
    return ok({
      chat_queue: lane(lanes.chat),
      response_queue: { message_count: answers.logs, consumer_count: answers.followers },
      batch_queue: lane(lanes.batch),
      stream_queue: lane(lanes.stream),
      dead_letters: { message_count: dead, consumer_count: 0 },
    });
  },
});
