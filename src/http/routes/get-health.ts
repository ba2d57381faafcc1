import Type from 'typebox';
import type { HealthReport } from '../http.ts';
import { defineRoute, ok } from '../route.ts';

const upOrDown = Type.Enum(['up', 'down']);
const healthSchema = Type.Object(
  {
    status: Type.Enum(['healthy', 'degraded']),
    components: Type.Optional(
      Type.Object({ ray_serve: upOrDown, redis: upOrDown, database: upOrDown, rabbitmq: upOrDown }),
    ),
    backends: Type.Optional(Type.Record(Type.String(), Type.String(), { description: 'What serves each role here.' })),
    detail: Type.Optional(Type.String({ description: 'Why something is down.' })),
    dependencies: Type.Optional(
      Type.Array(
        Type.Object({
          name: Type.String(),
          component: Type.Enum(['ray_serve', 'redis', 'database', 'rabbitmq']),
          status: upOrDown,
          latency_ms: Type.Union([Type.Number(), Type.Null()]),
          detail: Type.Union([Type.String(), Type.Null()]),
        }),
        { description: 'Each server by itself, where there are several: shards, replicas, broker, Redis, model.' },
      ),
    ),
    timestamp: Type.Optional(Type.Number({ description: 'Seconds since 1970.' })),
  },
  { title: 'Health', description: 'Each component is the part that plays that role here.' },
);

export const getHealth = defineRoute({
  id: 'getHealth',
  method: 'GET',
  path: '/health',
  group: 'Operation',
  summary: 'What is up, and what is down',
  description: 'Without a key only `status` is told. 200 in both cases: a degraded server still accepts and keeps.',
  access: 'open',
  responses: {
    200: {
      description: 'How it stands.',
      schema: healthSchema,
      example: {
        status: 'healthy',
        components: { ray_serve: 'up', redis: 'up', database: 'up', rabbitmq: 'up' },
        backends: {
          ray_serve: 'embedded model',
          redis: 'in-process state and token log files',
          database: 'embedded PostgreSQL',
          rabbitmq: 'in-process lanes',
        },
        timestamp: 1718901234.567,
      },
    },
  },
  errors: [],
  example: {},
  async handle(http, { request }) {
    const report = await http.deps.health();
    const status = statusOf(report);
    // Also nobody where the keys cannot be looked up: the status is what is needed most just then.
    const caller = await http.auth.authenticate(request).catch(() => null);
    if (!caller) return ok({ status });
    return ok({
      status,
      components: report.components,
      backends: report.backends,
      ...(report.detail !== null && { detail: report.detail }),
      ...(report.dependencies && {
        dependencies: report.dependencies.map(({ latencyMs, ...rest }) => ({ ...rest, latency_ms: latencyMs })),
      }),
      timestamp: http.deps.ports.clock.now() / 1000,
    });
  },
});

function statusOf(report: HealthReport): 'healthy' | 'degraded' {
  return Object.values(report.components).every((state) => state === 'up') ? 'healthy' : 'degraded';
}
