import { ChatError } from '../../protocol/errors.ts';
import { shareParams } from '../../protocol/requests.ts';
import { sharedSchema } from '../../protocol/resources.ts';
import { EXAMPLE_ITEM_ID, EXAMPLE_SHARED } from '../examples.ts';
import { takeFromLimit } from '../rate-limit.ts';
import { sharedResource } from '../represent.ts';
import { defineRoute } from '../route.ts';
import { NOT_INDEXED } from '../security-headers.ts';

/** Of the branch, the newest. */
const MOST_MESSAGES = 1000;
const MINUTE_MS = 60_000;

export const getShare = defineRoute({
  id: 'getShare',
  method: 'GET',
  path: '/shares/{share_id}',
  group: 'Items',
  summary: 'Read what is shared',
  description: `For whoever has the link; nothing else of its owner is told. Of a longer branch the newest ${MOST_MESSAGES} messages.`,
  access: 'open',
  params: shareParams,
  responses: { 200: { description: 'As it stood.', schema: sharedSchema, example: EXAMPLE_SHARED } },
  errors: ['share_not_found', 'database_unavailable', 'rate_limited'],
  unknownParam: { share_id: 'share_not_found' },
  example: { params: { share_id: EXAMPLE_ITEM_ID } },
  async handle(http, { params, request, reply }) {
    const { conversations, items, limits } = http.deps.ports;
    await takeFromLimit(limits, reply, {
      scope: 'shares',
      key: request.ip,
      limit: http.options.requestsPerMinute,
      windowMs: MINUTE_MS,
    });
    const found = await items.findShare(params.share_id.toLowerCase());
    const page = found && { leaf: found.share.leaf, limit: MOST_MESSAGES };
    const branch = page && (await conversations.branch(found.userId, found.share.number, page).catch(() => null));
    if (!branch) throw new ChatError('share_not_found');
    return { status: 200, body: sharedResource(found, branch), headers: NOT_INDEXED };
  },
});
