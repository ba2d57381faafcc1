import Type from 'typebox';
import { correlationParams } from '../../protocol/requests.ts';
import { chatAnswer, chatAnswerSchema, failedSchema, pendingSchema, stoppedSchema } from '../answer-shapes.ts';
import { EXAMPLE_ANSWER, EXAMPLE_ID } from '../examples.ts';
import { findGeneration } from '../find-generation.ts';
import { defineRoute, ok } from '../route.ts';

export const getCheckResponse = defineRoute({
  id: 'getCheckResponse',
  method: 'GET',
  path: '/check-response/{correlation_id}',
  group: 'Chat',
  summary: 'The answer, if it is ready',
  description:
    'The answer in the form of `POST /chat`; before that `pending` with the place in the line. Failed and stopped answers say so in `status`, with what there is of the text. 200 in every state, and the same on every reading.',
  access: 'key',
  params: correlationParams,
  unknownParam: { correlation_id: 'generation_not_found' },
  responses: {
    200: {
      description: 'How it stands.',
      schema: Type.Union([chatAnswerSchema, pendingSchema, stoppedSchema, failedSchema]),
      example: EXAMPLE_ANSWER,
    },
  },
  errors: ['generation_not_found'],
  example: { params: { correlation_id: EXAMPLE_ID } },
  async handle(http, { caller, params }) {
    return ok(await chatAnswer(http, await findGeneration(http, caller, params.correlation_id)));
  },
});
