import { registry, renderMetrics } from '../../telemetry/metrics.ts';
import { defineRoute } from '../route.ts';

export const getMetrics = defineRoute({
  id: 'getMetrics',
  method: 'GET',
  path: '/metrics',
  group: 'Operation',
  summary: 'Figures for Prometheus',
  description: 'In the text format. Give the scraper an API key.',
  access: 'key',
  responses: {
    200: {
      description: 'Metrics of this process.',
      contentType: 'text/plain',
      example:
        '# HELP chat_accepts_total Generations accepted: durable and acknowledged.\n# TYPE chat_accepts_total counter\nchat_accepts_total{lane="chat"} 12\n',
    },
  },
  errors: [],
  example: {},
  async handle() {
    return { status: 200, body: await renderMetrics(), headers: { 'content-type': registry.contentType } };
  },
});
